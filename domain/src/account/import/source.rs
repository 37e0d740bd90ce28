//! The table of users that another service has left behind.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::kernel::{StoreError, UserId};

/// Reads a table of users that another service wrote, as it was at one moment. Nothing is ever written to it.
#[async_trait]
pub trait ForeignUsers: Send {
    /// What the table is.
    fn table(&self) -> &ForeignTable;

    /// The next rows, at most `limit`; none at the end. Each row MUST come exactly once, and in the same order again after
    /// [`rewind`](Self::rewind), as it was when the table was opened.
    async fn next(&mut self, limit: u16) -> Result<Vec<ForeignUser>, StoreError>;

    /// Begins again with the first row.
    fn rewind(&mut self);
}

/// What is known of the table before a row is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignTable {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// The type of `id`, as the database calls it.
    pub id_type: String,
    /// The columns that are read.
    pub read: Vec<&'static str>,
    /// The columns that another table of this kind has, and this one has not.
    pub missing: Vec<&'static str>,
    /// The columns that say nothing to this service, and stay where they are.
    pub ignored: Vec<String>,
}

/// A row as it was found. `None` is NULL, or a column that is not there.
#[derive(Clone)]
pub struct ForeignUser {
    /// The id as the other service writes it, for messages.
    pub key: String,
    /// The id here. A UUID stays what it is. A number MUST become a UUID that depends on nothing else, so that it is the same
    /// one whenever the table is read. `None` where the id is neither.
    pub id: Option<UserId>,
    /// The address, whatever it is.
    pub email: Option<String>,
    /// The hash of the password, whatever it is.
    pub hashed_password: Option<String>,
    /// Whether the user may log in. A word or a number that is not clearly one or the other MUST be unreadable.
    pub is_active: Option<bool>,
    /// Whether the user may administer.
    pub is_superuser: Option<bool>,
    /// Whether the address was confirmed.
    pub is_verified: Option<bool>,
    /// The tier, whatever it is called.
    pub tier: Option<String>,
    /// When the user registered. A time without a zone MUST be read as UTC, and an empty text as none.
    pub created_at: Option<OffsetDateTime>,
    /// When the row last changed.
    pub updated_at: Option<OffsetDateTime>,
    /// Whether a refresh token is kept with the user: somebody is logged in there.
    pub has_refresh_token: bool,
    /// The first column whose value cannot be read, which is `None` here. Such a row MUST NOT end the reading of the others.
    pub unreadable: Option<&'static str>,
}
