//! The ports for bulk data: what an export reads, and what an import writes.

use async_trait::async_trait;

use crate::credential::Account;
use crate::factor::Factor;
use crate::kernel::{Email, StoreError, TokenDigest, UserId};

/// The second factors and the recovery codes of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFactors {
    /// The user.
    pub user: UserId,
    /// The factors.
    pub factors: Vec<Factor>,
    /// The digests of the recovery codes.
    pub recovery_codes: Vec<TokenDigest>,
}

/// A snapshot of all users at one moment, read in batches.
///
/// It MUST NOT block a writer, however long it is open, and its memory use MUST NOT grow with the number of users read.
#[async_trait]
pub trait UserSnapshot: Send {
    /// Number of users in the snapshot.
    async fn count(&mut self) -> Result<u64, StoreError>;

    /// The next users, at most `limit`; empty at the end. They MUST come in the order of the bytes of their ids, each
    /// exactly once, and as they were when the snapshot was taken, regardless of later commits.
    async fn next(&mut self, limit: u16) -> Result<Vec<Account>, StoreError>;

    /// The factors of these users, oldest first by `(created_at, id)`, and their recovery codes in the order of the digests,
    /// all as they were when the snapshot was taken. Factors that are not confirmed, and users without a confirmed one, MUST
    /// be left out. The users come in any order.
    async fn factors_of(&mut self, users: &[UserId]) -> Result<Vec<UserFactors>, StoreError>;
}

/// Writes many users at a time, within a unit of work.
#[async_trait]
pub trait UserTransfer: Send {
    /// Locks and returns the users who have one of these ids or one of these addresses, in the normalised form. Other
    /// units of work MUST NOT be able to change or lock any of them until this one ends.
    ///
    /// A unit that calls both calls [`lock_active_superusers`](crate::account::UserRepository::lock_active_superusers)
    /// first.
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<Account>, StoreError>;

    /// Adds the users whose id and address are free, and returns their ids. The store's indexes MUST decide what is
    /// free; other users MUST be skipped, and the unit of work MUST go on. A session that an earlier user with the same
    /// id left behind MUST NOT become live again.
    async fn insert_new(&mut self, accounts: &[Account]) -> Result<Vec<UserId>, StoreError>;

    /// Adds the factors and recovery codes of users that this unit has inserted, and returns the users whose factors were
    /// all added. The store's indexes MUST decide whether the id and the credential id of a factor are free; other factors
    /// MUST be skipped, and the unit of work MUST go on. The caller deletes users whose factors were skipped.
    async fn insert_factors(&mut self, new: &[UserFactors]) -> Result<Vec<UserId>, StoreError>;

    /// Overwrites the user with the same id, in every field. It changes nothing and returns `false` if there is no such
    /// user or another user has the address.
    async fn replace(&mut self, account: &Account) -> Result<bool, StoreError>;
}
