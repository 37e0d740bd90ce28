use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::beside;
use super::place::folder;

/// Whoever works with a database file shares this lock for as long as they do; whoever replaces the file has it alone.
///
/// It is on a file of its own. SQLite's locks are on the database, and come and go with its transactions; and a process
/// that opens and closes a database past SQLite loses the locks that SQLite has there.
#[derive(Debug)]
pub(crate) struct Lease {
    _locked: File,
}

impl Lease {
    /// Shares the file. `None` if somebody is about to replace it.
    pub(crate) fn share(database: &Path) -> io::Result<Option<Self>> {
        let file = open(database)?;
        held(file.try_lock_shared(), file)
    }

    /// Has the file alone. `None` if somebody works with it.
    pub(super) fn alone(database: &Path) -> io::Result<Option<Self>> {
        let file = open(database)?;
        held(file.try_lock(), file)
    }
}

fn held(locked: Result<(), TryLockError>, file: File) -> io::Result<Option<Lease>> {
    match locked {
        Ok(()) => Ok(Some(Lease { _locked: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The mode of the lock file: a user who can open it can hold the lock, and so prevent a start.
const MODE: u32 = 0o600;

/// Opens the lock file, or makes it.
fn open(database: &Path) -> io::Result<File> {
    let path = name(database)?;
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(&path);
    let file = match made {
        // To lock it is enough to read it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::open(&path).map_err(named)?,
        made => made.map_err(named)?,
    };
    if let Err(error) = make_private(&file, database) {
        tracing::warn!(path = %path.display(), %error, "other users can lock the database; make its lock file private with `chmod 600`");
    }
    Ok(file)
}

/// Closes a lock file of an earlier release to others than its owner. One of root gets the owner of the database: a
/// command that root has run once must not keep the service out.
fn make_private(file: &File, database: &Path) -> io::Result<()> {
    let own = file.metadata()?;
    if own.uid() == 0 {
        let model = fs::metadata(database).or_else(|_| fs::metadata(folder(database)))?;
        if model.uid() != 0 {
            fchown(file, Some(model.uid()), Some(model.gid()))?;
        }
    }
    if own.mode() & 0o777 & !MODE != 0 {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(())
}

/// Two names of one database have one lock, as they have one write-ahead log.
fn name(database: &Path) -> io::Result<PathBuf> {
    match database.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(beside(database, ".lock")),
        path => Ok(beside(&path?, ".lock")),
    }
}
