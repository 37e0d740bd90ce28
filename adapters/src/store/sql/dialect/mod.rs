//! Statements and driver details of one database each.

pub(super) mod postgres;
pub(super) mod sqlite;

use sea_orm::{ConnectionTrait, DbBackend};

/// The databases that the statements are written for. Match it without `_`: a third one then does not compile before it has
/// been thought of everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
    /// What a connection speaks.
    pub(super) fn of(connection: &impl ConnectionTrait) -> Self {
        match connection.get_database_backend() {
            DbBackend::Postgres => Self::Postgres,
            DbBackend::Sqlite => Self::Sqlite,
            other => unreachable!("no connection is made to {other:?}"),
        }
    }
}
