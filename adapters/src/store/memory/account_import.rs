//! Import of users.

use std::collections::HashSet;

use async_trait::async_trait;
use inwren_domain::account::import::{UserFactors, UserTransfer};
use inwren_domain::credential::Account;
use inwren_domain::kernel::{Email, StoreError, UserId};

use super::unit::MemoryUnit;

#[async_trait]
impl UserTransfer for MemoryUnit {
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<Account>, StoreError> {
        let by_id = ids.iter().filter_map(|id| self.state.account(*id));
        let by_email = emails.iter().filter_map(|email| self.state.account_by_email(email));
        let mut told = HashSet::new();
        Ok(by_id.chain(by_email).filter(|account| told.insert(account.user.id)).collect())
    }

    async fn insert_new(&mut self, accounts: &[Account]) -> Result<Vec<UserId>, StoreError> {
        let mut inserted = Vec::new();
        for account in accounts {
            let user = &account.user;
            if self.state.user(user.id).is_none() && self.email_is_free(user) {
                self.state.put_account(account.clone());
                inserted.push(user.id);
            }
        }
        Ok(inserted)
    }

    async fn insert_factors(&mut self, new: &[UserFactors]) -> Result<Vec<UserId>, StoreError> {
        let mut complete = Vec::new();
        for UserFactors { user, factors, recovery_codes } in new {
            let mut is_complete = true;
            for factor in factors {
                let is_free =
                    !self.state.factors.contains_key(&factor.id) && !self.state.has_credential_of(factor);
                if is_free {
                    self.state.put_factor(factor.clone());
                }
                is_complete &= is_free;
            }
            self.state.recovery_codes.insert(*user, recovery_codes.clone());
            complete.extend(is_complete.then_some(*user));
        }
        Ok(complete)
    }

    async fn replace(&mut self, account: &Account) -> Result<bool, StoreError> {
        let user = &account.user;
        if self.state.user(user.id).is_none() || !self.email_is_free(user) {
            return Ok(false);
        }
        self.state.put_account(account.clone());
        Ok(true)
    }
}
