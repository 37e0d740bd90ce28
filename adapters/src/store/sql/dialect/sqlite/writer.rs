use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use inwren_domain::kernel::StoreError;
use rusqlite::Connection;

use super::connection;
use crate::store::sql::connection::error::{file_error, store_error};
use crate::store::sql::connection::pool::Pool;
use crate::store::sql::file::LARGEST_LOG;

/// A connection on which a whole transaction is written at a time. The caller's thread waits for the disk meanwhile, so it
/// is none that others need.
pub(super) struct Writer {
    connection: Mutex<Option<Connection>>,
    lock_timeout: Duration,
    /// Who else writes.
    others: Pool,
}

impl Writer {
    /// Opens the file of the database. A transaction waits at most so long for one of another process.
    pub(super) fn open(path: &Path, lock_timeout: Duration, others: Pool) -> Result<Self, StoreError> {
        let connection = open(path, lock_timeout).map_err(file_error)?;
        Ok(Self { connection: Mutex::new(Some(connection)), lock_timeout, others })
    }

    /// Does some work when it is its turn, all of it or nothing, and waits for a lock of another process until a moment.
    /// The work returns until when it may be committed.
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

    /// Lets go of the file.
    pub(super) fn close(&self) {
        drop(self.connection.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// A write was not made, because its caller had given up by then.
pub(super) fn too_late() -> StoreError {
    StoreError::Busy("it was too late to write".to_owned())
}

/// A transaction, which ends with this: it is rolled back unless it was committed. The library's own has its statements
/// parsed anew each time.
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
        // A full disk makes SQLite roll back by itself.
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
