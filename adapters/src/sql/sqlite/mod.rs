//! What is asked of a SQLite file so often that the driver is in the way: what every authenticated request and every
//! login reads, and what every login and every refresh writes.
//!
//! The driver has a thread for each connection, to which every step of a transaction goes and from which every value of a
//! row comes back one by one. For rows that are found by a key, and lie in memory most of the time, that costs several
//! times the work itself. So there are some connections here that are asked where the request is, and one that writes a
//! whole transaction at a time.

mod openings;
mod readers;
mod rotations;
mod rows;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use inwren_domain::ports::{Opening, OpeningOutcome, Rotation, RotationOutcome, StoreError};

use super::connect::ConnectError;
use super::pool::Pool;
use openings::Openings;
pub(super) use readers::Readers;
use rotations::Rotations;
use writer::Writer;

/// What is written without the driver.
pub(super) struct Writes {
    writer: Arc<Writer>,
    openings: Openings,
    rotations: Rotations,
}

impl Writes {
    /// To the file of this path, in turns with the driver. Whoever asks waits for `max_wait` at most.
    pub(super) fn to(path: &Path, driver: Pool, max_wait: Duration) -> Result<Self, ConnectError> {
        let writer = Arc::new(Writer::open(path, max_wait, driver)?);
        let openings = Openings::over(Arc::clone(&writer), max_wait)?;
        let rotations = Rotations::over(Arc::clone(&writer), max_wait)?;
        Ok(Self { writer, openings, rotations })
    }

    pub(super) async fn open(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        self.openings.open(opening).await
    }

    pub(super) async fn rotate(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        self.rotations.rotate(rotation).await
    }

    /// Lets go of the file.
    pub(super) fn close(&self) {
        self.writer.close();
    }
}
