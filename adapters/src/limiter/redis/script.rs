use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use crate::limiter::gcra::Pace;

/// Resolution of the server's clock, in nanoseconds.
pub(super) const TICK: i128 = 1_000;

/// Smallest lead of an instance's knowledge over that of Redis at which the script uses the instance's value. It is
/// longer than a call takes: only a Redis that has lost its data knows so much less.
const KNOWS_BETTER: Duration = Duration::from_millis(250);

/// What the script does with the key's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Takes one call.
    Take,
    /// Gives one call back.
    GiveBack,
}

/// The script, which the server caches and runs by its hash.
pub(super) struct Take(Script);

/// Result of the script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) allowed: bool,
    /// Time until the allowance is full again.
    pub(super) owed: Duration,
}

impl Take {
    pub(super) fn new() -> Self {
        Self(Script::new(include_str!("take.lua")))
    }

    /// Runs the script by its hash, and loads it first if the server does not have it.
    pub(super) async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
        pace: &Pace,
        direction: Move,
        known: Duration,
    ) -> RedisResult<Taken> {
        let mut call = self.0.key(key);
        let cost = match direction {
            Move::Take => micros(pace.each),
            Move::GiveBack => -micros(pace.each),
        };
        call.arg(cost).arg(micros(pace.burst));
        call.arg(micros_of(known)).arg(micros_of(KNOWS_BETTER));
        let (allowed, owed): (u8, u64) = call.invoke_async(connection).await?;
        Ok(Taken { allowed: allowed == 1, owed: Duration::from_micros(owed) })
    }
}

fn micros(nanos: i128) -> i64 {
    i64::try_from(nanos / TICK).unwrap_or(i64::MAX)
}

fn micros_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
