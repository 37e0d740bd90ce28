//! Deadlines that PostgreSQL keeps itself.
//!
//! A server that is frozen, or a network that stands still, delivers a statement late: after its caller has given up and
//! was answered 503. Such a statement must change nothing any more. Nothing on this side can take it back, because its
//! bytes may already be in the server's socket. So every write says until when it may happen, and the server compares
//! that with its own clock at the last moment: after the row is locked or inserted, or directly before `COMMIT`.
//!
//! `statement_timeout` and `lock_timeout` cannot do this. They count from when the server has read the statement, and a
//! process that was stopped fires them only when it comes to its next check.
//!
//! The clocks of the two machines may differ. The answers to writes bring along what the database's clock showed; at any
//! moment that lies a time `t` after the arrival of such an answer, that clock shows at least `t` more. A deadline that is
//! translated in this way is never too late. It is too early by the time that the answer took, so slow answers are not
//! used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inwren_domain::ports::StoreError;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement};
use time::OffsetDateTime;

use super::error::{is_too_late, store_error};
use super::patience::Patience;
use super::pool::Pool;
use super::timestamp::{Timestamp, to_micros};

/// The name of the column in which an answer says what the database's clock shows.
pub(super) const DATABASE_TIME: &str = "database_time";

/// A reading that is older is taken again: the rates of two clocks differ by a few milliseconds in this time
/// at most, and a clock that was set back is found out.
const MAX_AGE: Duration = Duration::from_secs(10);
/// An answer that took longer says too little about the clock.
const PROMPT: Duration = Duration::from_millis(250);
/// How often a write is retried that the database finds too late while its caller still waits: the reading was wrong,
/// because the database's clock was set.
const RETRIES: u8 = 1;

/// An expression that fails (SQLSTATE 22012) if the database's clock shows the parameter's time or a later one. The whole
/// statement fails with it, and what it has written is undone.
pub(super) fn in_time(deadline: &str) -> String {
    format!("1 / (clock_timestamp() < {deadline})::int")
}

/// What the database's clock showed last, shared by all who use a pool.
#[derive(Clone, Debug, Default)]
pub(super) struct DatabaseClock(Arc<Mutex<Option<Reading>>>);

/// What the database's clock showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    shown: OffsetDateTime,
    received: Instant,
}

impl Reading {
    /// What the database's clock shows at that moment at the earliest.
    pub(super) fn at(self, moment: Instant) -> OffsetDateTime {
        match moment.checked_duration_since(self.received) {
            Some(later) => self.shown + later,
            None => self.shown - self.received.duration_since(moment),
        }
    }
}

impl DatabaseClock {
    /// The last reading, or a new one if that is too old.
    pub(super) async fn read(&self, connection: &impl ConnectionTrait) -> Result<Reading, DbErr> {
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

    /// Notes what an answer says to a statement that was sent then.
    pub(super) fn note(&self, sent: Instant, row: &QueryResult) -> Result<(), DbErr> {
        let Timestamp(shown) = row.try_get("", DATABASE_TIME)?;
        let received = Instant::now();
        if received.duration_since(sent) < PROMPT {
            *self.reading() = Some(Reading { shown, received });
        }
        Ok(())
    }

    /// Forgets the last reading: a write was refused that should have been in time.
    pub(super) fn forget(&self) {
        *self.reading() = None;
    }

    fn reading(&self) -> MutexGuard<'_, Option<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes by one statement, which is made for its deadline, has [`in_time`] in it, and says the [`DATABASE_TIME`] in its
/// rows. One that is too late fails, and changes nothing.
pub(super) async fn write(
    pool: &Pool,
    statement: impl Fn(Timestamp) -> Statement,
) -> Result<Option<QueryResult>, StoreError> {
    let end = pool.patience().end();
    let clock = pool.clock();
    let writing = async {
        let mut retries = 0..RETRIES;
        loop {
            let deadline = clock.read(pool).await?.at(end.write_by);
            let sent = Instant::now();
            match pool.query_one_raw(statement(Timestamp(deadline))).await {
                Ok(row) => {
                    if let Some(row) = &row {
                        clock.note(sent, row)?;
                    }
                    return Ok(row);
                }
                // Either it is late, or the reading was wrong.
                Err(error) if is_too_late(&error) => {
                    clock.forget();
                    if retries.next().is_none() || Instant::now() >= end.write_by {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    };
    pool.patience().wait_until(end.give_up, writing).await.map_err(store_error)
}

/// Ends a transaction of PostgreSQL with `COMMIT`, which the server executes only if it is in time: the two are one
/// message, whose rest is not executed after a failure.
///
/// `AND CHAIN`, because the driver does not know of this `COMMIT`, and ends the transaction that it knows of with a
/// `ROLLBACK` when it takes the connection back. The caller does not wait for that.
pub(super) async fn commit(
    transaction: DatabaseTransaction,
    patience: &Patience,
    clock: &DatabaseClock,
) -> Result<(), StoreError> {
    let end = patience.end();
    let committing = async {
        let deadline = to_micros(clock.read(&transaction).await?.at(end.write_by));
        let deadline = format!("to_timestamp({deadline} / 1e6)");
        transaction.execute_unprepared(&format!("SELECT {}; COMMIT AND CHAIN", in_time(&deadline))).await
    };
    let committed = patience.wait_until(end.give_up, committing).await;
    if committed.as_ref().is_err_and(is_too_late) {
        clock.forget();
    }
    committed.map(drop).map_err(store_error)
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
