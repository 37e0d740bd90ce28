//! Sessions that are opened on SQLite, where what costs is the wait for the disk at every commit.

use std::time::Duration;

use inwren_domain::ports::{Opening, OpeningOutcome, StoreError, UnitOfWork};

use super::batcher::Batcher;
use super::opening::in_unit;
use super::pool::Pool;
use super::unit::SqlUnit;

/// Opens for all who ask at the same time in one transaction. There is one writer, so there is one lane.
pub(super) struct Openings(Batcher<Opening, OpeningOutcome>);

impl Openings {
    /// Whoever asks waits for `max_wait` at most.
    pub(super) fn over(writer: Pool, max_wait: Duration) -> Self {
        Self(Batcher::start(1, max_wait, move |openings| together(writer.clone(), openings)))
    }

    pub(super) async fn open(&self, opening: &Opening) -> Result<OpeningOutcome, StoreError> {
        self.0.ask(opening.clone()).await
    }
}

async fn together(writer: Pool, openings: Vec<Opening>) -> Result<Vec<OpeningOutcome>, StoreError> {
    let mut unit = Box::new(SqlUnit::begin(&writer).await?);
    let mut outcomes = Vec::with_capacity(openings.len());
    for opening in &openings {
        outcomes.push(in_unit(&mut unit, opening).await?);
    }
    unit.commit().await?;
    Ok(outcomes)
}
