//! The user table of another service.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::kernel::{StoreError, UserId};

/// Reads the user table of another service, as it was at one moment. It never writes to the table.
#[async_trait]
pub trait SourceUsers: Send {
    /// Describes the table.
    fn table(&self) -> &SourceTable;

    /// The next rows, at most `limit`; empty at the end. Each row MUST come exactly once, and in the same order again
    /// after [`rewind`](Self::rewind), as it was when the table was opened.
    async fn next(&mut self, limit: u16) -> Result<Vec<SourceUser>, StoreError>;

    /// Starts again at the first row.
    fn rewind(&mut self);
}

/// What is known about the table before the first row is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTable {
    /// The name of the table.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// The type of the column `id`, as the database names it.
    pub id_type: String,
    /// The columns that are read.
    pub read: Vec<&'static str>,
    /// The columns that other tables of this kind have and this one lacks.
    pub missing: Vec<&'static str>,
    /// The columns that this service does not use. They stay where they are.
    pub ignored: Vec<String>,
}

/// A row as read. `None` means NULL or a missing column.
#[derive(Clone)]
pub struct SourceUser {
    /// The id as the other service writes it, for messages.
    pub key: String,
    /// The id in this service. A UUID stays the same. A number MUST become a UUID that depends on nothing else, so that
    /// every read of the table gives the same one. `None` if the id is neither.
    pub id: Option<UserId>,
    /// The address, unchecked.
    pub email: Option<String>,
    /// The password hash, unchecked.
    pub hashed_password: Option<String>,
    /// Whether the user may log in. A word or a number that is not clearly true or false MUST be unreadable.
    pub is_active: Option<bool>,
    /// Whether the user is a superuser.
    pub is_superuser: Option<bool>,
    /// Whether the address was confirmed.
    pub is_verified: Option<bool>,
    /// The tier, unchecked.
    pub tier: Option<String>,
    /// When the user registered. A time without a zone MUST be read as UTC, and an empty text as `None`.
    pub created_at: Option<OffsetDateTime>,
    /// When the row last changed.
    pub updated_at: Option<OffsetDateTime>,
    /// Whether the row has a refresh token: the user is logged in to the other service.
    pub has_refresh_token: bool,
    /// The first column whose value is unreadable, and therefore `None` here. Such a row MUST NOT stop the reading of
    /// other rows.
    pub unreadable: Option<&'static str>,
}
