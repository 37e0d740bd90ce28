use time::{Duration, OffsetDateTime};

/// The only source of time.
pub trait Clock: Send + Sync {
    /// Returns the current time. It MUST be in UTC and MUST NOT be finer than a microsecond, the precision of every
    /// store.
    fn now(&self) -> OffsetDateTime;

    /// Returns the current time for a token that is about to be signed. It MUST fail while the clock is known to be
    /// ahead by more than the leeway of verifiers: other services would reject the token as issued in the future, or
    /// accept it for too long.
    fn signing_time(&self) -> Result<OffsetDateTime, ClockAhead> {
        Ok(self.now())
    }

    /// Whether rows that have expired by this clock may be deleted. It MUST be `false` for a while after the clock was
    /// set by a large amount: a clock that is briefly wrong must not delete live rows.
    fn is_settled(&self) -> bool {
        true
    }
}

/// The service's clock is ahead of the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service's clock is {} seconds ahead of the system clock", .by.whole_seconds())]
pub struct ClockAhead {
    /// The difference.
    pub by: Duration,
}
