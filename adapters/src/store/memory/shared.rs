use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::state::State;

/// The committed state, and the lock for changing it.
#[derive(Default)]
pub(super) struct Shared {
    committed: RwLock<State>,
    /// Held by the running unit of work.
    pub(super) writer: Arc<Mutex<()>>,
}

impl Shared {
    // A poisoned lock still holds a complete state: only the swap happens under it.
    pub(super) fn snapshot(&self) -> State {
        self.committed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn publish(&self, state: State) {
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
