use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome};
use inwren_domain::store::{ReadView, Store, UnitOfWork};

use super::account_export::MemorySnapshot;
use super::shared::Shared;
use super::unit::MemoryUnit;
use super::view::MemoryView;

/// A store that loses its content when it is dropped.
#[derive(Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a store with the same committed content. Later writes to one of them do not change the other.
    #[must_use]
    pub fn fork(&self) -> Self {
        let fork = Self::default();
        fork.shared.publish(self.shared.snapshot());
        fork
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

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        Ok(Box::new(MemorySnapshot::of(self.shared.snapshot())))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}
