//! The SQLite database file, for the backup and restore commands.

use std::collections::HashSet;
use std::path::Path;

pub use inwren_adapters::store::sql::{Contents, Deviation};
use inwren_adapters::store::sql::{FileError, SqlTarget, SqliteFile, deviations};
use sea_orm_migration::DbErr;

use crate::config::DatabaseTarget;

/// Why there is no file to back up or restore.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum NoFile {
    /// The store is in memory.
    #[error("DATABASE_URL: a memory store keeps nothing, so there is nothing to back up")]
    Memory,
    /// The database is a PostgreSQL server.
    #[error("DATABASE_URL is PostgreSQL: use pg_dump and pg_restore, as docs/operations.md shows")]
    Postgres,
}

/// Why this release cannot restore a backup.
#[derive(Debug, thiserror::Error)]
pub enum UnknownSchema {
    /// The backup has a migration that this release does not know.
    #[error("the backup was made by a newer release: it has the migration {0}; restore it with that release")]
    Newer(String),
    /// The backup lacks a migration, although it has a later one.
    #[error("the backup has an unknown schema: the migration {0} is missing")]
    Incomplete(String),
}

/// Why the schema of a backup could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The reference schema could not be created.
    #[error(transparent)]
    Reference(#[from] DbErr),
}

/// The file of the database, if the database can be backed up as a file.
pub fn sqlite_file(target: &DatabaseTarget) -> Result<&SqliteFile, NoFile> {
    match target {
        DatabaseTarget::Memory => Err(NoFile::Memory),
        DatabaseTarget::Sql(SqlTarget::Postgres(_)) => Err(NoFile::Postgres),
        DatabaseTarget::Sql(SqlTarget::Sqlite(file)) => Ok(file),
    }
}

/// How many migrations a backup is behind this release. A backup that a newer release has migrated is an error, because
/// this release would not understand it.
pub fn missing_migrations(contents: &Contents) -> Result<usize, UnknownSchema> {
    let names = inwren_migration::names();
    let known: HashSet<&String> = names.iter().collect();
    if let Some(unknown) = contents.migrations.iter().find(|name| !known.contains(*name)) {
        return Err(UnknownSchema::Newer(unknown.clone()));
    }
    let applied: HashSet<&String> = contents.migrations.iter().collect();
    match names.iter().take(applied.len()).find(|name| !applied.contains(name)) {
        Some(missing) => Err(UnknownSchema::Incomplete(missing.clone())),
        None => Ok(names.len() - applied.len()),
    }
}

/// Differences between the schema of a backup and the schema of the migrations that it names. A trigger in a backup
/// could make every user a superuser.
pub async fn unexpected(file: &Path, contents: &Contents) -> Result<Vec<Deviation>, CheckError> {
    let reference = inwren_migration::sqlite_reference(contents.migrations.len()).await?;
    let found = deviations(file, &reference).await;
    reference.close().await?;
    Ok(found?)
}
