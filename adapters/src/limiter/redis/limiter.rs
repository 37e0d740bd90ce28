use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use inwren_domain::limiter::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
use time::OffsetDateTime;

use super::link::{Link, in_time};
use super::script::{Move, TICK, Taken};
use super::target::RedisTarget;
use crate::limiter::MemoryRateLimiter;
use crate::limiter::counters::Counters;
use crate::limiter::gcra::Pace;

/// Options of the shared limiter.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Prefix of all key names.
    pub key_prefix: String,
    /// How long a request waits for Redis.
    pub timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { key_prefix: "inwren:".to_owned(), timeout: Duration::from_millis(40) }
    }
}

/// Rate limiter with the generic cell rate algorithm, shared by all instances that use the same Redis.
///
/// One atomic script decides, by the clock of the Redis server. The limiter ignores `now`, because the clocks of two
/// instances may differ. A key holds one number, and Redis deletes it when the allowance is full.
///
/// If Redis does not answer in time, the instance decides alone, with a [`MemoryRateLimiter`] that has recorded every
/// decision of Redis. So a client that has used up its allowance does not get a new one. Directly after an unanswered
/// call the next calls wait for a quarter of the timeout only: a request may make two calls, for its client and for the
/// account, and must not wait twice. If Redis answers no call for three times the timeout, or a call fails, the
/// instance stops calling Redis until a background probe succeeds. Then each call sends what the instance knows of its
/// client, in case Redis has lost its data.
///
/// If an instance has seen a call before another one gave it back, what it knows may undo the return. The limit is then
/// stricter by one call, until time has given that call back.
pub struct RedisRateLimiter {
    link: Link,
    alone: MemoryRateLimiter,
    prefix: String,
    patience: Duration,
    counters: Counters,
    fallback_decisions: AtomicU64,
    /// Monotonic, unlike the system clock.
    begun: Instant,
}

impl RedisRateLimiter {
    /// Starts connecting in the background. Must be called within a Tokio runtime.
    pub fn start(target: RedisTarget, options: RedisOptions) -> Self {
        let RedisOptions { key_prefix, timeout } = options;
        let prefix = format!("{key_prefix}limit:");
        Self {
            link: Link::start(target, &prefix, timeout),
            alone: MemoryRateLimiter::default(),
            prefix,
            patience: timeout,
            counters: Counters::default(),
            fallback_decisions: AtomicU64::new(0),
            begun: Instant::now(),
        }
    }

    async fn ask(&self, key: &LimitKey, quota: Quota, direction: Move) -> Option<Decision> {
        let begun = Instant::now();
        let live = self.link.live().await?;
        let (pace, now) = (Pace::new(quota, TICK), self.now());
        let name = format!("{}{}:{}", self.prefix, key.operation, key.subject);
        let mut connection = live.connection();
        let known = match direction {
            Move::Take => self.alone.owed(key, now),
            // Another call may have been given back meanwhile.
            Move::GiveBack => Duration::ZERO,
        };
        let call = self.link.script().run(&mut connection, &name, &pace, direction, known);
        let patience = live.patience(self.patience).saturating_sub(begun.elapsed());
        match in_time(patience, call).await {
            Some(Ok(Taken { allowed, owed })) => {
                live.answered();
                let owed = nanos(owed);
                if direction == Move::Take {
                    self.alone.learn(key, quota, now + owed, now);
                }
                Some(pace.decision(allowed, owed))
            }
            Some(Err(error)) => {
                self.link.lose(&live, &error.to_string());
                None
            }
            None => {
                self.link.missed(&live, patience);
                None
            }
        }
    }

    fn now(&self) -> i128 {
        nanos(self.begun.elapsed())
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn check(&self, key: &LimitKey, quota: Quota, _: OffsetDateTime) -> Decision {
        let decision = match self.ask(key, quota, Move::Take).await {
            Some(decision) => decision,
            None => {
                tracing::debug!(operation = key.operation, "decided without Redis");
                self.fallback_decisions.fetch_add(1, Ordering::Relaxed);
                self.alone.decide(key, quota, self.now())
            }
        };
        self.counters.count(&decision);
        decision
    }

    async fn give_back(&self, key: &LimitKey, quota: Quota, _: OffsetDateTime) -> Decision {
        // First here: if this instance knew more calls than Redis, it would take that for lost data.
        let alone = self.alone.return_call(key, quota, self.now());
        self.ask(key, quota, Move::GiveBack).await.unwrap_or(alone)
    }

    fn is_degraded(&self) -> bool {
        self.link.is_away()
    }

    fn metrics(&self) -> LimiterMetrics {
        LimiterMetrics {
            fallback_decisions: self.fallback_decisions.load(Ordering::Relaxed),
            degradations: self.link.degradations(),
            degraded: self.is_degraded(),
            ..self.counters.metrics()
        }
    }
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}
