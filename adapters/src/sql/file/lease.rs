use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::beside;

/// Whoever works with a database file shares this lock for as long as they do; whoever replaces the file has it alone.
///
/// It is on a file of its own. SQLite's locks are on the database, and come and go with its transactions; and a process
/// that opens and closes a database past SQLite loses the locks that SQLite has there.
#[derive(Debug)]
pub(in super::super) struct Lease {
    _locked: File,
}

impl Lease {
    /// Shares the file. `None` if somebody is about to replace it.
    pub(in super::super) fn share(database: &Path) -> io::Result<Option<Self>> {
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

/// Opens the lock file, or makes it. To lock it is enough to read it, which others than its owner may: a command that
/// root has run once must not keep the service out.
fn open(database: &Path) -> io::Result<File> {
    let path = name(database)?;
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(&path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::open(&path),
        made => made,
    }
}

/// Two names of one database have one lock, as they have one write-ahead log.
fn name(database: &Path) -> io::Result<PathBuf> {
    match database.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(beside(database, ".lock")),
        path => Ok(beside(&path?, ".lock")),
    }
}
