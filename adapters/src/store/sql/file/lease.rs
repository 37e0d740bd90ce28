use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::beside;
use super::place::folder;

/// Lock on a database file. Processes share the lock while they use the file, and a restore holds it exclusively.
///
/// It is on a separate file. SQLite's locks are on the database, and come and go with its transactions; and a process
/// that opens and closes a database outside SQLite loses the locks that SQLite has there.
#[derive(Debug)]
pub(crate) struct Lease {
    _locked: File,
}

impl Lease {
    /// Shares the file. Returns `None` if another process is about to replace it.
    pub(crate) fn share(database: &Path) -> io::Result<Option<Self>> {
        let file = open(database)?;
        held(file.try_lock_shared(), file)
    }

    /// Locks the file exclusively. Returns `None` if another process uses it.
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

/// Mode of the lock file. Users who can open it can hold the lock, and so prevent startup.
const MODE: u32 = 0o600;

/// Opens or creates the lock file.
fn open(database: &Path) -> io::Result<File> {
    let path = name(database)?;
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(&path);
    let file = match made {
        // Read access is enough for locking.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::open(&path).map_err(named)?,
        made => made.map_err(named)?,
    };
    if let Err(error) = make_private(&file, database) {
        tracing::warn!(path = %path.display(), %error, "other users can lock the database; make its lock file private with `chmod 600`");
    }
    Ok(file)
}

/// Restricts the lock file of an earlier release to its owner. A lock file of root gets the owner of the database,
/// because a command that root has run once must not lock the service out.
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

/// Returns the path of the lock file. Two names of one database share one lock, as they share one write-ahead log.
fn name(database: &Path) -> io::Result<PathBuf> {
    match database.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(beside(database, ".lock")),
        path => Ok(beside(&path?, ".lock")),
    }
}
