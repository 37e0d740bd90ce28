use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inwren_domain::account::{Inserted, Registration};
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome, SessionStart, SessionStartOutcome};
use rusqlite::Connection;

use super::registration::register;
use super::session_rotation::rotate;
use super::session_start::open;
use super::writer::{Writer, too_late};
use crate::store::sql::connection::batcher::{Batcher, Job, Pending, Worker};
use crate::store::sql::connection::connect_error::ConnectError;
use crate::store::sql::connection::pool::Pool;

/// Writes that bypass the driver. Concurrent callers share one transaction, because the wait for the disk at each
/// commit dominates the cost.
pub(crate) struct Writes {
    writer: Arc<Writer>,
    batcher: Batcher<Box<dyn Write>>,
}

impl Writes {
    /// Opens the file, and takes turns with the driver. Callers wait for `max_wait` at most.
    pub(crate) fn to(path: &Path, driver: Pool, max_wait: Duration) -> Result<Self, ConnectError> {
        let writer = Arc::new(Writer::open(path, max_wait, driver)?);
        let batcher = Batcher::start_thread("file-writer", max_wait, Arc::clone(&writer))?;
        Ok(Self { writer, batcher })
    }

    pub(crate) async fn open(&self, start: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
        let start = start.clone();
        self.batcher.submit(move |connection: &Connection| open(connection, &start)).await
    }

    pub(crate) async fn rotate(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        let rotation = rotation.clone();
        self.batcher.submit(move |connection: &Connection| rotate(connection, &rotation)).await
    }

    pub(crate) async fn register(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        let registration = registration.clone();
        self.batcher.submit(move |connection: &Connection| register(connection, &registration)).await
    }

    /// Closes the file.
    pub(crate) fn close(&self) {
        self.writer.close();
    }
}

/// A write of one caller, with any type of outcome.
trait Write: Pending {
    fn write_by(&self) -> Instant;

    /// Writes, if the deadline has not passed at `begun`. Nothing else writes beside its transaction, so nothing
    /// changes between its reads and its writes.
    fn write(&mut self, connection: &Connection, begun: Instant) -> Result<(), StoreError>;
}

impl<W, A> Write for Job<W, A>
where
    W: Fn(&Connection) -> Result<A, StoreError> + Send + 'static,
    A: Send + 'static,
{
    fn write_by(&self) -> Instant {
        self.write_by
    }

    fn write(&mut self, connection: &Connection, begun: Instant) -> Result<(), StoreError> {
        let outcome = if begun < self.write_by { Ok((self.question)(connection)?) } else { Err(too_late()) };
        self.answer(outcome);
        Ok(())
    }
}

impl<W, A> From<Job<W, A>> for Box<dyn Write>
where
    Job<W, A>: Write,
{
    fn from(job: Job<W, A>) -> Self {
        Box::new(job)
    }
}

impl Worker<Box<dyn Write>> for Writer {
    /// Executes the writes whose deadline has not passed when the file is locked, for which it may have waited.
    async fn work(&self, batch: &mut [Box<dyn Write>]) -> Result<(), StoreError> {
        let wait_until = batch.iter().map(|write| write.write_by()).max().unwrap_or_else(Instant::now);
        let work = |connection: &Connection| {
            let begun = Instant::now();
            let in_time = batch.iter().map(|write| write.write_by()).filter(|write_by| begun < *write_by);
            let commit_by = in_time.min().unwrap_or(wait_until);
            batch.iter_mut().try_for_each(|write| write.write(connection, begun))?;
            Ok(commit_by)
        };
        self.transaction(wait_until, work).await
    }
}
