//! Statements and driver details that are specific to one database.

pub(super) mod postgres;
pub(super) mod sqlite;

use sea_orm::{ConnectionTrait, DbBackend};

/// The supported databases. Match it without `_`, so that a third database does not compile until every place handles
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
    /// Returns the dialect of a connection.
    pub(super) fn of(connection: &impl ConnectionTrait) -> Self {
        match connection.get_database_backend() {
            DbBackend::Postgres => Self::Postgres,
            DbBackend::Sqlite => Self::Sqlite,
            other => unreachable!("no connection is made to {other:?}"),
        }
    }
}
