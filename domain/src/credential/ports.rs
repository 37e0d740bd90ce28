use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Account, PasswordHash};
use crate::kernel::{Email, StoreError, UserId};

/// Reads users together with their passwords, for use cases that check one.
#[async_trait]
pub trait CredentialReader: Send {
    /// The account with this id.
    async fn by_id(&mut self, id: UserId) -> Result<Option<Account>, StoreError>;

    /// The account with this address, which MUST be found by its normalised form.
    async fn by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError>;

    /// The account that logs in with this address, of the same user as [`UserReader::by_login`](crate::account::UserReader::by_login)
    /// finds.
    async fn by_login(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        if let Some(former) = email.former()
            && let Some(account) = self.by_email(&former).await?
        {
            return Ok(Some(account));
        }
        self.by_email(email).await
    }
}

/// Writes credentials, within a unit of work that has locked the user.
#[async_trait]
pub trait CredentialRepository: Send {
    /// The hash of the user's password as it is now. `None` if there is no such user, or no password.
    async fn password_of(&mut self, id: UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Sets the password and counts `credential_version` up. It MUST change nothing and answer `false` if the user is gone or
    /// `expected_version` is not the current one.
    async fn change_password(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Replaces the hash by another one of the same password. It MUST change nothing and answer `false` if the user is
    /// gone or `expected_version` is not the current one, and MUST leave `credential_version` and `updated_at`.
    async fn rehash(
        &mut self,
        id: UserId,
        expected_version: i64,
        hash: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Counts `credential_version` up and leaves the password as it is. It MUST change nothing and answer `false` if the user
    /// is gone or `expected_version` is not the current one.
    async fn advance_version(
        &mut self,
        id: UserId,
        expected_version: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;
}
