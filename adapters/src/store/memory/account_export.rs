//! Export of users.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use inwren_domain::account::import::{UserFactors, UserSnapshot};
use inwren_domain::credential::Account;
use inwren_domain::factor::Factor;
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

    async fn factors_of(&mut self, users: &[UserId]) -> Result<Vec<UserFactors>, StoreError> {
        let users: HashSet<UserId> = users.iter().copied().collect();
        let mut found: HashMap<UserId, Vec<Factor>> = HashMap::new();
        for factor in self.state.factors.values().filter(|factor| factor.is_confirmed()) {
            if users.contains(&factor.user_id) {
                found.entry(factor.user_id).or_default().push(factor.as_ref().clone());
            }
        }
        let with_codes = |(user, mut factors): (UserId, Vec<Factor>)| {
            factors.sort_by_key(|factor| (factor.created_at, factor.id));
            let mut recovery_codes = self.state.recovery_codes.get(&user).cloned().unwrap_or_default();
            recovery_codes.sort_by_key(|code| *code.as_bytes());
            UserFactors { user, factors, recovery_codes }
        };
        Ok(found.into_iter().map(with_codes).collect())
    }
}
