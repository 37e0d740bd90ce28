use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inwren_domain::ports::{
    Inserted, Opening, OpeningOutcome, Registration, Rotation, RotationOutcome, StoreError,
};
use rusqlite::Connection;

use super::super::batcher::{Batcher, Job};
use super::super::connect_error::ConnectError;
use super::super::pool::Pool;
use super::openings::open;
use super::registrations::register;
use super::rotations::rotate;
use super::writer::{Writer, too_late};

/// What is written without the driver, for all who ask at the same time in one transaction: what costs is the wait for the
/// disk at every commit.
pub(in super::super) struct Writes {
    writer: Arc<Writer>,
    together: Batcher<Write, Result<Written, StoreError>>,
}

#[derive(Clone)]
enum Write {
    Opening(Box<Opening>),
    Rotation(Rotation),
    Registration(Registration),
}

enum Written {
    Opening(OpeningOutcome),
    Rotation(Box<RotationOutcome>),
    Registration(Inserted),
}

impl Writes {
    /// To the file of this path, in turns with the driver. Whoever asks waits for `max_wait` at most.
    pub(in super::super) fn to(path: &Path, driver: Pool, max_wait: Duration) -> Result<Self, ConnectError> {
        let writer = Arc::new(Writer::open(path, max_wait, driver)?);
        let shared = Arc::clone(&writer);
        let write = move |jobs| together(Arc::clone(&shared), jobs);
        Ok(Self { writer, together: Batcher::start_thread("file-writer", max_wait, write)? })
    }

    pub(in super::super) async fn open(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        match self.together.ask(Write::Opening(Box::new(opening.clone()))).await?? {
            Written::Opening(outcome) => Ok(outcome),
            _ => Err(another_question()),
        }
    }

    pub(in super::super) async fn rotate(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        match self.together.ask(Write::Rotation(rotation.clone())).await?? {
            Written::Rotation(outcome) => Ok(*outcome),
            _ => Err(another_question()),
        }
    }

    pub(in super::super) async fn register(
        &self,
        registration: &Registration,
    ) -> Result<Inserted, StoreError> {
        match self.together.ask(Write::Registration(registration.clone())).await?? {
            Written::Registration(inserted) => Ok(inserted),
            _ => Err(another_question()),
        }
    }

    /// Lets go of the file.
    pub(in super::super) fn close(&self) {
        self.writer.close();
    }
}

fn another_question() -> StoreError {
    StoreError::Unavailable("an answer to another question".to_owned())
}

/// Writes what is not too late when the file's lock is there, which may have been waited for.
async fn together(
    writer: Arc<Writer>,
    jobs: Vec<Job<Write>>,
) -> Result<Vec<Result<Written, StoreError>>, StoreError> {
    let wait_until = jobs.iter().map(|job| job.write_by).max().unwrap_or_else(Instant::now);
    let work = |connection: &Connection| {
        let begun = Instant::now();
        let in_time = |job: &&Job<Write>| begun < job.write_by;
        let commit_by = jobs.iter().filter(in_time).map(|job| job.write_by).min().unwrap_or(wait_until);
        let write = |job: &Job<Write>| {
            if in_time(&job) { job.question.to(connection).map(Ok) } else { Ok(Err(too_late())) }
        };
        let written = jobs.iter().map(write).collect::<Result<Vec<_>, _>>()?;
        Ok((written, commit_by))
    };
    writer.transaction(wait_until, work).await
}

impl Write {
    /// In a transaction beside which nobody else writes: nothing changes between a question and an answer.
    fn to(&self, connection: &Connection) -> Result<Written, StoreError> {
        match self {
            Self::Opening(opening) => open(connection, opening).map(Written::Opening),
            Self::Rotation(rotation) => {
                rotate(connection, rotation).map(|outcome| Written::Rotation(Box::new(outcome)))
            }
            Self::Registration(registration) => register(connection, registration).map(Written::Registration),
        }
    }
}
