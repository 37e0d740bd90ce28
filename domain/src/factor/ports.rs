use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Budget, CredentialId, Factor, FactorId, FactorName, Spent};
use crate::kernel::{StoreError, TokenDigest, UserId};
use crate::keyring::SecretKeyId;

/// Reads factors.
#[async_trait]
pub trait FactorReader: Send {
    /// The user's factors, oldest first by `(created_at, id)`: also an authenticator app that is not confirmed.
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError>;

    /// The passkey with this id.
    async fn by_credential(&mut self, id: &CredentialId) -> Result<Option<Factor>, StoreError>;

    /// How many recovery codes of the user are left.
    async fn recovery_codes_left(&mut self, user: UserId) -> Result<u64, StoreError>;

    /// The budgets of the user from which something was taken, in any order. One may be over.
    async fn budgets(&mut self, user: UserId) -> Result<Vec<Spent>, StoreError>;

    /// At most `limit` authenticator apps whose secret is sealed with this key.
    async fn sealed_with(&mut self, key: SecretKeyId, limit: u16) -> Result<Vec<Factor>, StoreError>;
}

/// Writes factors, within a unit of work that has locked the user, unless a method says otherwise. The user's deletion
/// MUST delete the user's factors, recovery codes and budgets.
#[async_trait]
pub trait FactorRepository: Send {
    /// The user's factors, oldest first by `(created_at, id)`, as this unit sees them.
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError>;

    /// Adds a factor. The index MUST decide whether the credential id of a passkey is unique among all users: if it is
    /// taken, the call MUST change nothing and return `false`.
    async fn insert(&mut self, factor: &Factor) -> Result<bool, StoreError>;

    /// Confirms an authenticator app of the user and stores the step of its code. If there is no unconfirmed one with
    /// this id, it MUST change nothing and return `false`. Of many concurrent calls exactly one MUST return `true`.
    async fn confirm_totp(&mut self, id: FactorId, user: UserId, step: i64) -> Result<bool, StoreError>;

    /// Accepts the code of a step: stores the step, and `at` as the last use, if the user has a confirmed authenticator
    /// app with this id whose [last step](super::Totp::last_step) is before `step`. If not, it MUST change nothing and
    /// return `false`. Of many concurrent calls with one step exactly one MUST return `true`.
    async fn accept_step(
        &mut self,
        id: FactorId,
        user: UserId,
        step: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Stores the use of a passkey: its counter, whether it is backed up, and `at` as the last use, if the stored
    /// counter is still `expected_count`. If not, or if the user has no such passkey, it MUST change nothing and return
    /// `false`.
    async fn use_passkey(
        &mut self,
        id: FactorId,
        user: UserId,
        expected_count: u32,
        used: super::PasskeyUse,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Renames a factor of the user. `false` if there is none with this id.
    async fn rename(&mut self, id: FactorId, user: UserId, name: &FactorName) -> Result<bool, StoreError>;

    /// Removes a factor of the user. `false` if there is none with this id.
    async fn remove(&mut self, id: FactorId, user: UserId) -> Result<bool, StoreError>;

    /// Removes the user's authenticator apps that are not confirmed.
    async fn remove_unconfirmed(&mut self, user: UserId) -> Result<(), StoreError>;

    /// Removes all factors, recovery codes and budgets of the user, and returns the number of factors.
    async fn remove_all(&mut self, user: UserId) -> Result<u64, StoreError>;

    /// Seals a secret with another key: stores it if the sealed secret is still `expected`. If not, it MUST change
    /// nothing and return `false`. The unit need not lock the user.
    async fn reseal(
        &mut self,
        id: FactorId,
        expected: &[u8],
        key: SecretKeyId,
        sealed: &[u8],
    ) -> Result<bool, StoreError>;

    /// Replaces the user's recovery codes by these digests.
    async fn replace_recovery_codes(
        &mut self,
        user: UserId,
        digests: &[TokenDigest],
    ) -> Result<(), StoreError>;

    /// Spends a recovery code of the user: deletes it. `false` if the user has none with this digest. Of many
    /// concurrent calls exactly one MUST return `true`.
    async fn spend_recovery_code(&mut self, user: UserId, digest: &TokenDigest) -> Result<bool, StoreError>;

    /// How many recovery codes of the user are left, as this unit sees them.
    async fn recovery_codes_left(&mut self, user: UserId) -> Result<u64, StoreError>;

    /// Takes one code from the user's budget, by the rule of [`Spent::take`]. If nothing is left, it MUST change
    /// nothing and return `None`; otherwise it returns the state afterwards. However many callers take concurrently,
    /// exactly as many as the budget allows MUST succeed. The unit need not lock the user.
    async fn take_code(
        &mut self,
        user: UserId,
        budget: Budget,
        now: OffsetDateTime,
    ) -> Result<Option<Spent>, StoreError>;

    /// Returns the code that was taken and turned out to be right.
    async fn return_code(&mut self, user: UserId, budget: Budget) -> Result<(), StoreError>;

    /// Opens all budgets of the user but this one: another factor has succeeded.
    async fn reopen_budgets(&mut self, user: UserId, except: Option<Budget>) -> Result<(), StoreError>;
}
