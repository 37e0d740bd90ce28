//! SQLite files: locking, contents, vacuum, checkpoints, backup and restore.

mod backup;
mod contents;
mod error;
mod lease;
mod maintenance;
mod place;
mod restore;
mod schema;

use std::path::{Path, PathBuf};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;

pub use contents::Contents;
pub use error::FileError;
pub(super) use lease::Lease;
pub(super) use maintenance::{LARGEST_LOG, checkpoint, vacuum};
pub(super) use place::{make_folder, warn_of_exposure};
pub use restore::Staged;
pub use schema::{Deviation, deviations};

/// The file of a SQLite database, for backup and restore.
#[derive(Clone, Debug)]
pub struct SqliteFile {
    path: PathBuf,
}

impl SqliteFile {
    /// Refers to the file at this path. It may not exist yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the path with this suffix appended to the file name, as SQLite does for the files that it needs beside a
/// database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Options of a separate connection outside the pools.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false)
}
