//! What only SQLite has: a file. Who has it open, what is in it, how it is kept small, copied and put back.

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

/// The file of a SQLite database, by which it is backed up and restored.
#[derive(Clone, Debug)]
pub struct SqliteFile {
    path: PathBuf,
}

impl SqliteFile {
    /// The file at this path. It may not exist yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file whose name has this after the name of another one, which is what SQLite does with the files that it needs
/// beside a database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A connection of its own, past the pools.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false)
}
