use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use inwren_domain::ports::{ReadView, Rotation, RotationOutcome, Store, StoreError, UnitOfWork};
use tokio::sync::Mutex;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

/// A store that forgets everything when it is dropped.
#[derive(Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    committed: RwLock<State>,
    /// Held by the one unit of work that runs.
    pub(super) writer: Arc<Mutex<()>>,
}

impl Shared {
    // A poisoned lock still holds a whole state: nothing but the swap happens under it.
    pub(super) fn snapshot(&self) -> State {
        self.committed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn publish(&self, state: State) {
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        Ok(Box::new(MemoryView::new(Arc::clone(&self.shared))))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let turn = Arc::clone(&self.shared.writer).lock_owned().await;
        Ok(Box::new(MemoryUnit::new(Arc::clone(&self.shared), turn)))
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        let _turn = self.shared.writer.lock().await;
        let mut state = self.shared.snapshot();
        let Some((session, user)) = state.session_with_user(rotation.session_id) else {
            return Ok(RotationOutcome::Unknown);
        };
        if let Some(refusal) = rotation.refusal(session, user) {
            return Ok(refusal);
        }
        let (rotated, user) = (rotation.applied_to(session), user.clone());
        state.put_session(rotated.clone());
        self.shared.publish(state);
        Ok(RotationOutcome::Rotated(rotated, user))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}
