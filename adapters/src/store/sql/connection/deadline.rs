//! Write deadlines that PostgreSQL enforces itself.
//!
//! A frozen server or a stalled network executes a statement late: after its caller has given up and was answered 503.
//! Such a statement must not change anything. This side cannot take it back, because its bytes may already be in the
//! server's socket. So every write carries its deadline, and the server compares the deadline with its own clock at the
//! last moment: after the row is locked or inserted, or directly before `COMMIT`.
//!
//! `statement_timeout` and `lock_timeout` cannot do this. They count from the moment when the server has read the
//! statement, and a stopped process fires them only at its next check.
//!
//! The clocks of the two machines may differ. The answers to writes contain the time of the database's clock. At a time
//! `t` after the arrival of such an answer, that clock shows at least `t` more. A deadline that is translated in this
//! way is never too late. It is too early by the duration of the answer, so slow answers are not used.

use std::time::Instant;

use inwren_domain::kernel::StoreError;
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Statement};

use super::database_clock::DatabaseClock;
use super::error::{is_too_late, store_error};
use super::pool::Pool;
use super::statement_timeout::StatementTimeout;
use super::timestamp::{Timestamp, to_micros};

/// How often a write is retried if the database finds it late while its caller still waits: the reading was wrong,
/// because the database's clock was set.
const RETRIES: u8 = 1;

/// Returns an expression that fails (SQLSTATE 22012) at or after the parameter's time by the database's clock. The
/// whole statement fails with it, and its writes are undone.
pub(crate) fn in_time(deadline: &str) -> String {
    format!("1 / (clock_timestamp() < {deadline})::int")
}

/// Writes with one statement, built for its deadline. The statement contains [`in_time`] and returns
/// [`DATABASE_TIME`](super::database_clock::DATABASE_TIME) in its rows. A late write fails and changes nothing.
pub(crate) async fn write(
    pool: &Pool,
    statement: impl Fn(Timestamp) -> Statement,
) -> Result<Option<QueryResult>, StoreError> {
    let end = pool.timeout().end();
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
                // Either the write is late, or the reading was wrong.
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
    pool.timeout().wait_until(end.give_up, writing).await.map_err(store_error)
}

/// Ends a PostgreSQL transaction with `COMMIT`, which the server executes only in time: check and `COMMIT` are one
/// message, and the server skips its rest after a failure.
///
/// `AND CHAIN` is needed because the driver does not know of this `COMMIT`. It ends its transaction with a `ROLLBACK`
/// when it takes the connection back, for which the caller does not wait.
pub(crate) async fn commit(
    transaction: DatabaseTransaction,
    timeout: &StatementTimeout,
    clock: &DatabaseClock,
) -> Result<(), StoreError> {
    let end = timeout.end();
    let committing = async {
        let deadline = to_micros(clock.read(&transaction).await?.at(end.write_by));
        let deadline = format!("to_timestamp({deadline} / 1e6)");
        transaction.execute_unprepared(&format!("SELECT {}; COMMIT AND CHAIN", in_time(&deadline))).await
    };
    let committed = timeout.wait_until(end.give_up, committing).await;
    if committed.as_ref().is_err_and(is_too_late) {
        clock.forget();
    }
    committed.map(drop).map_err(store_error)
}
