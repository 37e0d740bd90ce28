use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::oneshot;

use super::contents::{Contents, inspect};
use super::error::{FileError, asked, io};
use super::lease::Lease;
use super::place::{Draft, folder};
use super::{SqliteFile, beside};
use crate::store::sql::dialect::sqlite::open;

impl SqliteFile {
    /// Creates a backup of the current database while other processes read and write it, and checks it. The backup gets
    /// its name when it is complete and on the disk. Only its owner may read it. An existing file is overwritten only
    /// if `overwrite` is set.
    ///
    /// The backup contains everything that was committed before the call.
    pub async fn back_up(&self, target: &Path, overwrite: bool) -> Result<Contents, FileError> {
        std::fs::metadata(&self.path).map_err(io(&self.path))?;
        let lease = Lease::share(&self.path).map_err(io(&self.path))?;
        let _lease = lease.ok_or_else(|| FileError::BeingRestored(self.path.clone()))?;
        if target.exists() {
            self.refuse_itself(target)?;
            if !overwrite {
                return Err(FileError::Exists(target.to_owned()));
            }
        }
        std::fs::metadata(folder(target)).map_err(io(folder(target)))?;
        let draft = Draft::new(beside(target, &format!(".{}.partial", std::process::id())))?;
        self.copy_into(draft.path()).await?;
        let contents = inspect(draft.path()).await?;
        draft.sync()?;
        if overwrite {
            draft.replace(target)?
        } else {
            draft.add(target)?
        };
        Ok(contents)
    }

    /// Copies with `VACUUM INTO`, which reads one snapshot page by page and does not block writers. The target must be
    /// empty or missing.
    async fn copy_into(&self, target: &Path) -> Result<(), FileError> {
        // SQLite would resolve a relative name in the working folder, as intended, but parses one that begins with
        // `file:` as a URL.
        let target = std::path::absolute(target).map_err(io(target))?;
        let Some(name) = target.to_str() else {
            return Err(FileError::Io { path: target, kind: std::io::ErrorKind::InvalidFilename });
        };
        let source = open(&self.path, LOCK_TIMEOUT).map_err(asked(&self.path))?;
        // A file from before the automatic vacuum gets it in its copy.
        source.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(asked(&self.path))?;
        let (copying, copied) = Copying::start(source, name.to_owned()).map_err(io(&self.path))?;
        let copied = copied.await;
        drop(copying);
        copied.unwrap_or(Err(rusqlite::Error::InvalidQuery)).map_err(asked(&self.path))
    }

    /// Refuses a backup that is the database itself.
    pub(super) fn refuse_itself(&self, other: &Path) -> Result<(), FileError> {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        match (identity(&self.path), identity(other)) {
            (Some(own), Some(other_file)) if own == other_file => Err(FileError::Itself(other.to_owned())),
            _ => Ok(()),
        }
    }
}

/// How long a backup waits for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A running copy on its own thread. Dropping it stops the copy: afterwards nothing is written to the target, so that
/// it can be deleted.
struct Copying {
    interrupt: InterruptHandle,
    thread: JoinHandle<()>,
}

impl Copying {
    /// Starts the copy, and returns the channel for its outcome.
    fn start(
        source: Connection,
        target: String,
    ) -> std::io::Result<(Self, oneshot::Receiver<rusqlite::Result<()>>)> {
        let interrupt = source.get_interrupt_handle();
        let (tell, copied) = oneshot::channel();
        let copy = move || {
            let outcome = source.execute("VACUUM INTO ?1", [target]).map(drop);
            drop(source);
            // The caller may have been cancelled.
            let _ = tell.send(outcome);
        };
        let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(copy)?;
        Ok((Self { interrupt, thread }, copied))
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        while !self.thread.is_finished() {
            // Repeatedly, because an interrupt before the statement has begun has no effect.
            self.interrupt.interrupt();
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}
