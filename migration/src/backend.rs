use sea_orm_migration::prelude::ConnectionTrait;
use sea_orm_migration::sea_orm::DbBackend;

/// The databases that the migrations support. Match it without `_`, so that a database added later is never treated as
/// one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Postgres,
    Sqlite,
}

impl Backend {
    /// Returns the database of a connection.
    pub(crate) fn of(connection: &impl ConnectionTrait) -> Self {
        match connection.get_database_backend() {
            DbBackend::Postgres => Self::Postgres,
            DbBackend::Sqlite => Self::Sqlite,
            other => unreachable!("no migration is written for {other:?}"),
        }
    }
}
