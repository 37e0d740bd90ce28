//! Many users at a time: what an export reads, and what an import writes.

use async_trait::async_trait;

use crate::credential::Account;
use crate::kernel::{Email, StoreError, UserId};

/// All users as they were at one moment, read a batch at a time.
///
/// It MUST NOT keep a writer waiting, however long it is open, and what it holds in memory MUST NOT grow with what has
/// been read.
#[async_trait]
pub trait UserSnapshot: Send {
    /// How many users there were.
    async fn count(&mut self) -> Result<u64, StoreError>;

    /// The next users, at most `limit`; none at the end. They MUST come in the order of the bytes of their ids, each exactly
    /// once, and as they were when the snapshot was taken, whatever was committed since.
    async fn next(&mut self, limit: u16) -> Result<Vec<Account>, StoreError>;
}

/// Writes many users at a time, within a unit of work.
#[async_trait]
pub trait UserTransfer: Send {
    /// The users who have one of these ids or one of these addresses, in the normalised form. No other unit MUST be able to
    /// change or lock any of them until this one ends.
    ///
    /// It follows [`lock_active_superusers`](crate::account::UserRepository::lock_active_superusers) where a unit calls both.
    async fn holders(&mut self, ids: &[UserId], emails: &[Email]) -> Result<Vec<Account>, StoreError>;

    /// Adds those whose id and address nobody has, and tells their ids. Whether somebody has MUST be decided by the store's
    /// indexes; the others MUST be passed over, and the unit MUST go on. No session that an earlier user with the same id left
    /// behind MUST live again.
    async fn insert_new(&mut self, accounts: &[Account]) -> Result<Vec<UserId>, StoreError>;

    /// Puts the user in the place of the one with the same id, in every field. `false`, and nothing is changed, if there is
    /// no such user or somebody else has the address.
    async fn replace(&mut self, account: &Account) -> Result<bool, StoreError>;
}
