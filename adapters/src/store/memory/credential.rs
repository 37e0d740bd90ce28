//! In-memory credentials.

use async_trait::async_trait;
use inwren_domain::account::User;
use inwren_domain::authn::Acr;
use inwren_domain::credential::{Account, CredentialReader, CredentialRepository, PasswordHash};
use inwren_domain::kernel::{Email, StoreError, UserId};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl CredentialReader for MemoryView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.shared.snapshot().account(id))
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        Ok(self.shared.snapshot().account_by_email(email))
    }
}

#[async_trait]
impl CredentialRepository for MemoryUnit {
    async fn password_of(&mut self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        Ok(self.state.password_of(id).cloned())
    }

    async fn change_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = self.advance_version(id, expected_version, at).await?;
        if changed {
            self.state.set_password(id, hash.clone());
        }
        Ok(changed)
    }

    async fn rehash(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let is_current = self.user_of_version(id, expected_version).is_some();
        if is_current {
            self.state.set_password(id, hash.clone());
        }
        Ok(is_current)
    }

    async fn advance_version(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(user) = self.user_of_version(id, expected_version) else { return Ok(false) };
        let credential_version = User::next_credential_version(expected_version);
        self.state.put_user(User { credential_version, updated_at: at, ..user });
        Ok(true)
    }

    async fn change_factors(
        &mut self,
        id: UserId,
        expected_version: i64,
        highest_acr: Acr,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(user) = self.user_of_version(id, expected_version) else { return Ok(false) };
        let credential_version = User::next_credential_version(expected_version);
        self.state.put_user(User { credential_version, highest_acr, updated_at: at, ..user });
        Ok(true)
    }

    async fn void_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = self.advance_version(id, expected_version, at).await?;
        if changed {
            self.state.passwords.remove(&id);
        }
        Ok(changed)
    }
}

impl MemoryUnit {
    /// Returns the user, if the credential version is the expected one.
    fn user_of_version(&self, id: UserId, version: i64) -> Option<User> {
        self.state.user(id).filter(|user| user.credential_version == version).cloned()
    }
}

impl State {
    pub(super) fn password_of(&self, id: UserId) -> Option<&PasswordHash> {
        self.passwords.get(&id)
    }

    pub(super) fn set_password(&mut self, id: UserId, password: PasswordHash) {
        self.passwords.insert(id, password);
    }
}
