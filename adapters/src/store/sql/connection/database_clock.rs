//! PostgreSQL's clock, as known from its answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use time::OffsetDateTime;

use super::timestamp::Timestamp;

/// Column in which an answer contains the time of the database's clock.
pub(crate) const DATABASE_TIME: &str = "database_time";

/// Maximum age of a reading. In this time the clocks drift apart by a few milliseconds at most, and renewing the
/// reading detects a clock that was set back.
const MAX_AGE: Duration = Duration::from_secs(10);
/// Maximum duration of a statement whose answer is used as a reading.
const PROMPT: Duration = Duration::from_millis(250);

/// The last reading of the database's clock, shared by all users of a pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatabaseClock(Arc<Mutex<Option<Reading>>>);

/// A reading of the database's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    shown: OffsetDateTime,
    received: Instant,
}

impl Reading {
    /// Returns the earliest time that the database's clock can show at that moment.
    pub(crate) fn at(self, moment: Instant) -> OffsetDateTime {
        match moment.checked_duration_since(self.received) {
            Some(later) => self.shown + later,
            None => self.shown - self.received.duration_since(moment),
        }
    }
}

impl DatabaseClock {
    /// Returns the last reading, or a new one if that is too old.
    pub(crate) async fn read(&self, connection: &impl ConnectionTrait) -> Result<Reading, DbErr> {
        let known = *self.reading();
        if let Some(reading) = known.filter(|reading| reading.received.elapsed() < MAX_AGE) {
            return Ok(reading);
        }
        let question = format!("SELECT clock_timestamp() AS {DATABASE_TIME}");
        let statement = Statement::from_string(DbBackend::Postgres, question);
        let row = connection.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
        let Timestamp(shown) = row.try_get("", DATABASE_TIME)?;
        let reading = Reading { shown, received: Instant::now() };
        *self.reading() = Some(reading);
        Ok(reading)
    }

    /// Records the reading in the answer to a statement that was sent at `sent`.
    pub(crate) fn note(&self, sent: Instant, row: &QueryResult) -> Result<(), DbErr> {
        let Timestamp(shown) = row.try_get("", DATABASE_TIME)?;
        let received = Instant::now();
        if received.duration_since(sent) < PROMPT {
            *self.reading() = Some(Reading { shown, received });
        }
        Ok(())
    }

    /// Drops the last reading, after the database refused a write that should have been in time.
    pub(crate) fn forget(&self) {
        *self.reading() = None;
    }

    fn reading(&self) -> MutexGuard<'_, Option<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_counts_on_from_its_arrival() {
        let (shown, received) = (OffsetDateTime::UNIX_EPOCH, Instant::now());
        let reading = Reading { shown, received };
        assert_eq!(reading.at(received + Duration::from_millis(1_300)), shown + Duration::from_millis(1_300));
        let before = received.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(reading.at(before), shown - Duration::from_millis(1));
    }
}
