//! Export of users.

use async_trait::async_trait;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::credential::Account;
use inwren_domain::kernel::{StoreError, UserId};

use super::state::State;

/// The state at one moment. It shares its maps with later states.
pub(super) struct MemorySnapshot {
    state: State,
    ids: std::vec::IntoIter<UserId>,
    count: u64,
}

impl MemorySnapshot {
    pub(super) fn of(state: State) -> Self {
        let ids = state.user_ids();
        Self { count: ids.len() as u64, ids: ids.into_iter(), state }
    }
}

#[async_trait]
impl UserSnapshot for MemorySnapshot {
    async fn count(&mut self) -> Result<u64, StoreError> {
        Ok(self.count)
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<Account>, StoreError> {
        let next = self.ids.by_ref().take(limit.into());
        Ok(next.filter_map(|id| self.state.account(id)).collect())
    }
}
