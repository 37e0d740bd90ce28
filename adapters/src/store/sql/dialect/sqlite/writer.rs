use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use inwren_domain::kernel::StoreError;
use rusqlite::Connection;

use super::connection;
use crate::store::sql::connection::error::{file_error, store_error};
use crate::store::sql::connection::pool::Pool;
use crate::store::sql::file::LARGEST_LOG;

/// A connection that writes a whole transaction at a time. The thread of the caller waits for the disk meanwhile, so it
/// must be a dedicated one.
pub(super) struct Writer {
    connection: Mutex<Option<Connection>>,
    lock_timeout: Duration,
    /// The pool of the other writers.
    others: Pool,
}

impl Writer {
    /// Opens the file of the database. A transaction waits at most this long for one of another process.
    pub(super) fn open(path: &Path, lock_timeout: Duration, others: Pool) -> Result<Self, StoreError> {
        let connection = open(path, lock_timeout).map_err(file_error)?;
        Ok(Self { connection: Mutex::new(Some(connection)), lock_timeout, others })
    }

    /// Runs `work` in a transaction when it is its turn, and waits until `wait_until` at most for a lock of another
    /// process. The work returns the deadline of its commit.
    pub(super) async fn transaction(
        &self,
        wait_until: Instant,
        work: impl FnOnce(&Connection) -> Result<Instant, StoreError>,
    ) -> Result<(), StoreError> {
        let _turn = self.others.turn().await.map_err(store_error)?;
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || StoreError::Unavailable("the file was closed".to_owned());
        let connection = connection.as_ref().ok_or_else(closed)?;
        let wait = wait_until.saturating_duration_since(Instant::now()).min(self.lock_timeout);
        connection.busy_timeout(wait).map_err(file_error)?;
        let transaction = Transaction::begin(connection).map_err(file_error)?;
        let commit_by = work(connection)?;
        if Instant::now() >= commit_by {
            return Err(too_late());
        }
        transaction.commit().map_err(file_error)
    }

    /// Closes the file.
    pub(super) fn close(&self) {
        drop(self.connection.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Returns the error for a write that was not made because its caller had given up.
pub(super) fn too_late() -> StoreError {
    StoreError::Busy("it was too late to write".to_owned())
}

/// A transaction that is rolled back on drop unless it was committed. Unlike that of the library it uses prepared
/// statements.
struct Transaction<'a>(&'a Connection);

impl<'a> Transaction<'a> {
    fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        run(connection, "BEGIN IMMEDIATE")?;
        Ok(Self(connection))
    }

    fn commit(self) -> rusqlite::Result<()> {
        run(self.0, "COMMIT")
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // On a full disk SQLite rolls back by itself.
        if !self.0.is_autocommit()
            && let Err(error) = run(self.0, "ROLLBACK")
        {
            tracing::warn!(%error, "a transaction was not rolled back");
        }
    }
}

fn run(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

fn open(path: &Path, lock_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = connection::open(path, lock_timeout)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LARGEST_LOG.to_string())?;
    Ok(connection)
}
