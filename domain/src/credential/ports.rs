use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Account, PasswordHash};
use crate::authn::Acr;
use crate::kernel::{Email, StoreError, UserId};

/// Reads users together with their passwords, for use cases that check one.
#[async_trait]
pub trait CredentialReader: Send {
    /// The account with this id.
    async fn by_id(&mut self, id: UserId) -> Result<Option<Account>, StoreError>;

    /// The account with this address. It MUST find the account by the normalised form.
    async fn by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError>;

    /// The account that logs in with this address. Its user is the one that
    /// [`UserReader::by_login`](crate::account::UserReader::by_login) finds.
    async fn by_login(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        for form in email.login_forms() {
            if let Some(account) = self.by_email(&form).await? {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }
}

/// Writes credentials, within a unit of work that has locked the user.
#[async_trait]
pub trait CredentialRepository: Send {
    /// The hash of the user's current password. `None` if the user does not exist or has no password.
    async fn password_of(&mut self, id: UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Sets the password and increments `credential_version`. If the user does not exist or `expected_version` is not
    /// the current one, it MUST change nothing and return `false`.
    async fn change_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Replaces the hash with another one of the same password. If the user does not exist or `expected_version` is not
    /// the current one, it MUST change nothing and return `false`. It MUST NOT change `credential_version` and
    /// `updated_at`.
    async fn rehash(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Increments `credential_version` and leaves the password as it is. If the user does not exist or
    /// `expected_version` is not the current one, it MUST change nothing and return `false`.
    async fn advance_version(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Stores the highest assurance that the user can reach after a change of a factor, and increments
    /// `credential_version`. If the user does not exist or `expected_version` is not the current one, it MUST change
    /// nothing and return `false`.
    async fn change_factors(
        &mut self,
        id: UserId,
        expected_version: i64,
        highest_acr: Acr,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Removes the password and increments `credential_version`: no password matches until another one is set. If the
    /// user does not exist or `expected_version` is not the current one, it MUST change nothing and return `false`.
    async fn void_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;
}
