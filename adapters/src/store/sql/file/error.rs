use std::io;
use std::path::{Path, PathBuf};

use inwren_domain::kernel::StoreError;
use sea_orm::sqlx;

use crate::store::sql::connection::error::{driver_error, file_error};

/// Why a database file could not be backed up or restored. The messages contain no stored values.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file does not exist.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// The file exists and may not be overwritten.
    #[error("{} exists already and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Another process uses the database.
    #[error("{} is in use: stop the service, and every other program that has the database open, first", .0.display())]
    InUse(PathBuf),
    /// The database is about to be replaced.
    #[error("{} is being restored", .0.display())]
    BeingRestored(PathBuf),
    /// Both paths are the same file.
    #[error("{} is the database itself", .0.display())]
    Itself(PathBuf),
    /// The file is a live or formerly live database, with a part of it in the write-ahead log beside it.
    #[error("{} is no backup, but a database with a write-ahead log: copy it with `inwren backup`", .0.display())]
    HasLog(PathBuf),
    /// The file is not a database, or is damaged.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's report.
        what: String,
    },
    /// The database belongs to another program.
    #[error("{} is not a database of this service", .0.display())]
    Foreign(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {kind}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error kind of the operating system.
        kind: io::ErrorKind,
    },
    /// SQLite failed.
    #[error("{}: {error}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The error.
        error: StoreError,
    },
}

/// Converts an operating system error, with the file that it concerns.
pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        kind => FileError::Io { path: path.to_owned(), kind },
    }
}

/// Converts a SQLite error from the driver, with the file that it concerns.
pub(super) fn database(path: &Path) -> impl FnOnce(sqlx::Error) -> FileError {
    move |error| {
        let told = error.as_database_error();
        let code = told.and_then(|told| told.code()?.parse().ok());
        failure(path, code, told.map(|told| told.message()), driver_error(&error))
    }
}

/// Converts errors as [`database`] does, for statements that did not go through the driver.
pub(super) fn asked(path: &Path) -> impl FnOnce(rusqlite::Error) -> FileError {
    move |error| {
        let (code, message) = match &error {
            rusqlite::Error::SqliteFailure(code, message) => (Some(code.extended_code), message.clone()),
            _ => (None, None),
        };
        failure(path, code, message.as_deref(), file_error(error))
    }
}

/// Reports `SQLITE_CORRUPT` (11) and `SQLITE_NOTADB` (26) as a damaged file.
fn failure(path: &Path, code: Option<i32>, message: Option<&str>, error: StoreError) -> FileError {
    let path = path.to_owned();
    match (code.unwrap_or_default() & 0xff, message) {
        (11 | 26, Some(what)) => FileError::Damaged { path, what: what.to_owned() },
        _ => FileError::Database { path, error },
    }
}
