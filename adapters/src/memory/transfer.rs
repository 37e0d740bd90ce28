//! Users by the hundred.

use std::collections::HashSet;

use async_trait::async_trait;
use inwren_domain::account::import::{UserSnapshot, UserTransfer};
use inwren_domain::credential::Account;
use inwren_domain::kernel::{Email, StoreError, UserId};

use super::state::State;
use super::unit::MemoryUnit;

/// The state at one moment. It shares its maps with the ones that came after.
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

#[async_trait]
impl UserTransfer for MemoryUnit {
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<Account>, StoreError> {
        let by_id = ids.iter().filter_map(|id| self.state().account(*id));
        let by_email = emails.iter().filter_map(|email| self.state().account_by_email(email));
        let mut told = HashSet::new();
        Ok(by_id.chain(by_email).filter(|account| told.insert(account.user.id)).collect())
    }

    async fn insert_new(&mut self, accounts: &[Account]) -> Result<Vec<UserId>, StoreError> {
        let mut inserted = Vec::new();
        for account in accounts {
            let user = &account.user;
            if self.state().user(user.id).is_none() && self.email_is_free(user) {
                self.state_mut().put_account(account.clone());
                inserted.push(user.id);
            }
        }
        Ok(inserted)
    }

    async fn replace(&mut self, account: &Account) -> Result<bool, StoreError> {
        let user = &account.user;
        if self.state().user(user.id).is_none() || !self.email_is_free(user) {
            return Ok(false);
        }
        self.state_mut().put_account(account.clone());
        Ok(true)
    }
}
