use async_trait::async_trait;
use time::OffsetDateTime;

use super::{User, UserChange, UserFilter};
use crate::credential::Account;
use crate::kernel::{Email, Page, PageRequest, StoreError, UserId};

/// Reads users.
#[async_trait]
pub trait UserReader: Send {
    /// The user with this id.
    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this address. It MUST find the user by the normalised form.
    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError>;

    /// The user who logs in with this address: a row that has kept its [former](Email::former) form takes precedence.
    async fn by_login(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        for form in email.login_forms() {
            if let Some(user) = self.by_email(&form).await? {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// A page of users. If the filter [has an address prefix](UserFilter::is_by_address), they MUST come in the order
    /// of the normalised addresses, byte by byte, else newest first, by `(created_at, id)`. Each user that exists, with
    /// the same address, while a caller reads all pages MUST come exactly once; the cost of a page MUST NOT grow with
    /// the number of pages before it.
    async fn page(&mut self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError>;
}

/// Writes users, within a unit of work.
#[async_trait]
pub trait UserRepository: Send {
    /// Adds a user with the password. The store's index MUST decide whether the normalised address is unique, and a
    /// taken one MUST be reported as [`Inserted::EmailTaken`]; of many concurrent inserts with one address exactly one
    /// MUST succeed.
    async fn insert(&mut self, account: &Account) -> Result<Inserted, StoreError>;

    /// Locks and returns the user. Other units of work MUST NOT be able to change or lock the user until this one ends.
    async fn lock(&mut self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Locks and returns the active superusers. Other units of work MUST NOT be able to change or lock any of them
    /// until this one ends, so that decisions based on them still hold at the commit. It has to come before any
    /// [`lock`](Self::lock) of the unit, so that two units never wait for each other.
    async fn lock_active_superusers(&mut self) -> Result<Vec<UserId>, StoreError>;

    /// Applies the change, and sets `updated_at`. Fields that the change does not name MUST stay as they are.
    async fn update(
        &mut self,
        id: UserId,
        change: &UserChange,
        at: OffsetDateTime,
    ) -> Result<Updated, StoreError>;

    /// Deletes the user; `false` if there was none. The user's audit events MUST stay. The user's sessions MUST end,
    /// and MUST stay ended if a user with the same id is [imported](super::import::UserTransfer::insert_new) later. It
    /// deletes at most [`REVOKED_AT_ONCE`](crate::session::REVOKED_AT_ONCE) session rows; the sweep deletes the rest
    /// later.
    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError>;
}

/// The outcome of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The user was added.
    Inserted,
    /// Another user has the address.
    EmailTaken,
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The user after the update.
    Updated(User),
    /// Another user has the address.
    EmailTaken,
    /// The user does not exist.
    NotFound,
}
