use sea_orm_migration::prelude::{ColumnDef, ConnectionTrait, IntoIden, SchemaManager};
use sea_orm_migration::sea_orm::DbBackend;

/// A point in time, in microseconds: `timestamptz` on PostgreSQL. SQLite has no type for times, and the usual text form
/// does not sort, so there it is an integer that counts from 1970.
pub(crate) fn time(manager: &SchemaManager<'_>, name: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match manager.get_connection().get_database_backend() {
        DbBackend::Sqlite => column.big_integer(),
        _ => column.timestamp_with_time_zone(),
    };
    column
}

/// A text that is compared byte by byte whatever the locale of the database is, so that one index serves equality,
/// uniqueness and the search by prefix.
pub(crate) fn bytewise_text(manager: &SchemaManager<'_>, name: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    if manager.get_connection().get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}
