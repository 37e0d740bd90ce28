use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::state::State;

/// The committed state, and the right to change it.
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
