//! Atomic creation and replacement of files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::beside;
use super::error::{FileError, io as failed};

/// A file under a temporary name until it is complete. Dropping it earlier deletes it.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Creates an empty file that only its owner may read.
    pub(super) fn new(path: PathBuf) -> Result<Self, FileError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(_) => Ok(Self { path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(FileError::Exists(path)),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the whole file is on the disk.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(failed(&self.path))
    }

    /// Renames it, replacing an existing file of that name.
    pub(super) fn replace(self, path: &Path) -> Result<(), FileError> {
        fs::rename(&self.path, path).map_err(failed(path))?;
        sync_folder(path)
    }

    /// Renames it, unless a file of that name exists.
    pub(super) fn add(self, path: &Path) -> Result<(), FileError> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => sync_folder(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(FileError::Exists(path.to_owned()))
            }
            // Some file systems have no links. There, a file that is created at this very moment is overwritten.
            Err(_) if !path.exists() => self.replace(path),
            Err(error) => Err(failed(path)(error)),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // The draft has its final name or is useless, and so is the journal that SQLite may have left beside it.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(beside(&self.path, "-journal"));
    }
}

/// Gives a file a second name, so that the first one always names a file.
pub(super) fn keep(path: &Path, kept: &Path) -> Result<(), FileError> {
    if kept.exists() {
        return Err(FileError::Exists(kept.to_owned()));
    }
    match fs::hard_link(path, kept) {
        Ok(()) => Ok(()),
        // Some file systems have no links.
        Err(_) => fs::rename(path, kept).map_err(failed(kept)),
    }
}

/// Waits until the names in a file's folder are on the disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = folder(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

/// Creates the missing folders above a file. Only their owner may access them.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder(path))
}

/// Warns if other users can read or replace the database. It does not change existing permissions.
pub(crate) fn warn_of_exposure(database: &Path) {
    for (path, others, what) in [
        (database, 0o007, "other users can read the database; make it private with `chmod 600`"),
        (
            folder(database),
            0o006,
            "other users can look into the folder of the database; close it with `chmod 700`",
        ),
    ] {
        if let Ok(found) = fs::metadata(path)
            && found.permissions().mode() & others != 0
        {
            let mode = found.permissions().mode() & 0o1777;
            tracing::warn!(path = %path.display(), mode = format_args!("{mode:o}"), "{what}");
        }
    }
}

/// Returns the folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
