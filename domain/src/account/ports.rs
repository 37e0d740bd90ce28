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

    /// The user with this address. It MUST be found by its normalised form.
    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError>;

    /// The user who logs in with this address. A row that has kept its [former](Email::former) form comes first, because
    /// its owner has no other address; a row with the present form is found by its other spellings, too.
    async fn by_login(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        if let Some(former) = email.former()
            && let Some(user) = self.by_email(&former).await?
        {
            return Ok(Some(user));
        }
        self.by_email(email).await
    }

    /// A page of users. Where the filter [has a prefix of addresses](UserFilter::is_by_address) they MUST come in the order of
    /// the normalised addresses, byte by byte, else newest first, by `(created_at, id)`. Each user that is there throughout a
    /// walk, with the same address, MUST come exactly once; the cost MUST NOT grow with how far the walk has come.
    async fn page(&mut self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError>;
}

/// Writes users, within a unit of work.
#[async_trait]
pub trait UserRepository: Send {
    /// Adds a user with the password. Uniqueness of the normalised address MUST be decided by the store's index and MUST be told as
    /// [`Inserted::EmailTaken`]; of many at once exactly one MUST win.
    async fn insert(&mut self, account: &Account) -> Result<Inserted, StoreError>;

    /// The user as it is now. No other unit MUST be able to change or lock the user until this one ends.
    async fn lock(&mut self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The active superusers. No other unit MUST be able to change or lock any of them until this one ends, so that
    /// what is decided from the answer holds at the commit. It has to come before any [`lock`](Self::lock) of the unit, so
    /// that two units never wait for each other.
    async fn lock_active_superusers(&mut self) -> Result<Vec<UserId>, StoreError>;

    /// Changes what the change names, and `updated_at`. What it does not name MUST stay as it is.
    async fn update(
        &mut self,
        id: UserId,
        change: &UserChange,
        at: OffsetDateTime,
    ) -> Result<Updated, StoreError>;

    /// Deletes the user; their audit events MUST stay. `false` if there was none. Their sessions MUST end with it, and MUST stay
    /// so if a user with the same id is [imported](super::import::UserTransfer::insert_new) later. At most
    /// [`REVOKED_AT_ONCE`](crate::session::REVOKED_AT_ONCE) rows of sessions are deleted at once; the rest is swept later.
    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError>;
}

/// What became of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The user is there.
    Inserted,
    /// Somebody has the address.
    EmailTaken,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The user as it is now.
    Updated(User),
    /// Somebody else has the address.
    EmailTaken,
    /// There is no such user.
    NotFound,
}
