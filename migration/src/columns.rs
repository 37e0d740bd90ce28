use sea_orm_migration::prelude::{ColumnDef, IntoIden, SchemaManager};

use crate::backend::Backend;

/// A time in microseconds: `timestamptz` on PostgreSQL. SQLite has no type for times, and the usual text form does not
/// sort, so there the column is an integer that counts from 1970.
pub(crate) fn time(manager: &SchemaManager<'_>, name: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match Backend::of(manager.get_connection()) {
        Backend::Sqlite => column.big_integer(),
        Backend::Postgres => column.timestamp_with_time_zone(),
    };
    column
}

/// A text that is compared byte by byte, regardless of the database's locale, so that one index serves equality,
/// uniqueness and prefix search.
pub(crate) fn bytewise_text(manager: &SchemaManager<'_>, name: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    match Backend::of(manager.get_connection()) {
        Backend::Postgres => {
            column.extra("COLLATE \"C\"");
        }
        // SQLite compares bytes by default (BINARY).
        Backend::Sqlite => {}
    }
    column
}
