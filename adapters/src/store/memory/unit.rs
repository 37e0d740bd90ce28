use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::kernel::StoreError;
use inwren_domain::store::UnitOfWork;
use tokio::sync::OwnedMutexGuard;

use super::shared::Shared;
use super::state::State;

/// The running unit of work, with its own copy of the state.
pub(super) struct MemoryUnit {
    shared: Arc<Shared>,
    pub(super) state: State,
    _turn: OwnedMutexGuard<()>,
}

impl MemoryUnit {
    pub(super) fn new(shared: Arc<Shared>, turn: OwnedMutexGuard<()>) -> Self {
        let state = shared.snapshot();
        Self { shared, state, _turn: turn }
    }
}

#[async_trait]
impl UnitOfWork for MemoryUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.shared.publish(self.state);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
