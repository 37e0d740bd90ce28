use std::io;
use std::path::{Path, PathBuf};

use inwren_domain::kernel::StoreError;
use sea_orm::sqlx;

use crate::store::sql::connection::error::{driver_error, file_error};

/// Why a database file could not be backed up or restored. The messages repeat nothing that is in it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is not there.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// The file is there, and may not be overwritten.
    #[error("{} is there already; it is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Somebody works with the database.
    #[error("{} is in use: stop the service, and whatever else has the database open, first", .0.display())]
    InUse(PathBuf),
    /// The database is about to be replaced.
    #[error("{} is being restored", .0.display())]
    BeingRestored(PathBuf),
    /// The two are one file.
    #[error("{} is the database itself", .0.display())]
    Itself(PathBuf),
    /// The file is a database that is or was at work, and part of it is in the write-ahead log beside it.
    #[error("{} is no backup, but a database with a write-ahead log: copy it with `inwren backup`", .0.display())]
    HasLog(PathBuf),
    /// The file is no database, or a broken one.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says of it.
        what: String,
    },
    /// The file is a database of something else.
    #[error("{} is not a database of this service", .0.display())]
    Foreign(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {kind}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// SQLite could not do it.
    #[error("{}: {error}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: StoreError,
    },
}

/// Names the file that an operation of the system failed on.
pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        kind => FileError::Io { path: path.to_owned(), kind },
    }
}

/// Names the file that SQLite failed on, as the driver tells it.
pub(super) fn database(path: &Path) -> impl FnOnce(sqlx::Error) -> FileError {
    move |error| {
        let told = error.as_database_error();
        let code = told.and_then(|told| told.code()?.parse().ok());
        failure(path, code, told.map(|told| told.message()), driver_error(&error))
    }
}

/// As [`database`], of a statement that did not go through the driver.
pub(super) fn asked(path: &Path) -> impl FnOnce(rusqlite::Error) -> FileError {
    move |error| {
        let (code, message) = match &error {
            rusqlite::Error::SqliteFailure(code, message) => (Some(code.extended_code), message.clone()),
            _ => (None, None),
        };
        failure(path, code, message.as_deref(), file_error(error))
    }
}

/// `SQLITE_CORRUPT` (11) and `SQLITE_NOTADB` (26) say that the file is broken.
fn failure(path: &Path, code: Option<i32>, message: Option<&str>, error: StoreError) -> FileError {
    let path = path.to_owned();
    match (code.unwrap_or_default() & 0xff, message) {
        (11 | 26, Some(what)) => FileError::Damaged { path, what: what.to_owned() },
        _ => FileError::Database { path, error },
    }
}
