//! Limits on the wait for a database.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{DbErr, RuntimeErr};

/// How long after an unanswered statement the pool pings connections before it takes them back.
const RECENTLY: Duration = Duration::from_secs(60);
/// Longest wait for a write without a limit: longer than any request takes.
const LONGEST: Duration = Duration::from_secs(60);

/// Divisor of the wait: a write must be made this part of it before its caller gives up, so that the answer arrives in
/// time.
const MARGIN: u32 = 8;

/// The deadline of a write, and the end of the wait for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// The write may be made before this moment, and MUST NOT be made from it on.
    pub(crate) write_by: Instant,
    /// The moment when the caller gives up.
    pub(crate) give_up: Instant,
}

impl End {
    /// Returns the end of a write whose caller waits this long from now.
    pub(crate) fn of(limit: Duration) -> Self {
        let give_up = Instant::now() + limit;
        Self { write_by: give_up.checked_sub(limit / MARGIN).unwrap_or(give_up), give_up }
    }
}

/// Statement timeout on this side. The database itself ends statements that take too long and reports that, but a
/// frozen or disconnected database reports nothing.
#[derive(Clone, Debug)]
pub(crate) struct StatementTimeout {
    limit: Option<Duration>,
    given_up: Arc<GivenUp>,
}

/// When a statement last went unanswered, in milliseconds after `beginning`; zero for never.
#[derive(Debug)]
struct GivenUp {
    beginning: Instant,
    last: AtomicU64,
}

impl StatementTimeout {
    /// Creates a timeout, or none, which waits as long as it takes.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, given_up: Arc::new(GivenUp { beginning: Instant::now(), last: AtomicU64::new(0) }) }
    }

    /// Returns the end of a write that begins now.
    pub(crate) fn end(&self) -> End {
        End::of(self.limit.unwrap_or(LONGEST))
    }

    /// Waits for an answer.
    pub(crate) async fn wait<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        match self.limit {
            Some(limit) => self.wait_until(Instant::now() + limit, answer).await,
            None => answer.await,
        }
    }

    /// Waits until a moment for the answer to a write or to several statements.
    pub(crate) async fn wait_until<T>(
        &self,
        give_up: Instant,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        // Values declared last are dropped first, so the timeout is recorded before the connection returns to the pool.
        let mut answer = pin!(answer);
        let unanswered = Unanswered(&self.given_up);
        let outcome = tokio::time::timeout_at(give_up.into(), answer.as_mut()).await;
        if outcome.is_ok() {
            std::mem::forget(unanswered);
        }
        outcome.unwrap_or_else(|_| {
            Err(DbErr::Conn(RuntimeErr::Internal("the database does not answer in time".to_owned())))
        })
    }

    /// Returns whether a statement recently timed out, so that connections may be silent.
    pub(crate) fn timed_out_recently(&self) -> bool {
        let last = self.given_up.last.load(Ordering::Acquire);
        last > 0 && self.given_up.beginning.elapsed() < Duration::from_millis(last) + RECENTLY
    }
}

/// Records an unanswered statement when dropped: because of a timeout, or because its caller has gone.
struct Unanswered<'a>(&'a GivenUp);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.beginning.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(now.max(1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_answered_in_time_raises_no_suspicion() {
        let timeout = StatementTimeout::new(Some(Duration::from_secs(60)));
        assert_eq!(timeout.wait(async { Ok(7) }).await.ok(), Some(7));
        assert!(timeout.wait(async { Err::<(), _>(DbErr::Custom("no".to_owned())) }).await.is_err());
        assert!(!timeout.timed_out_recently());
    }

    #[tokio::test]
    async fn silence_ends_and_is_remembered() {
        let timeout = StatementTimeout::new(Some(Duration::from_millis(1)));
        let error = timeout.wait(std::future::pending::<Result<(), DbErr>>()).await.unwrap_err();
        assert!(error.to_string().contains("in time"), "{error}");
        assert!(timeout.timed_out_recently());
    }

    #[tokio::test]
    async fn a_caller_who_goes_leaves_a_suspicion() {
        let timeout = StatementTimeout::new(Some(Duration::from_secs(60)));
        let asking = timeout.wait(std::future::pending::<Result<(), DbErr>>());
        assert!(tokio::time::timeout(Duration::from_millis(1), asking).await.is_err());
        assert!(timeout.timed_out_recently());
    }
}
