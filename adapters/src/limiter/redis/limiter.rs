use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use inwren_domain::limiter::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
use time::OffsetDateTime;

use super::link::{Link, in_time};
use super::script::{TICK, Taken};
use super::target::RedisTarget;
use crate::limiter::MemoryRateLimiter;
use crate::limiter::counters::Counters;
use crate::limiter::gcra::Pace;

/// How the shared limiter behaves.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// What the names of all keys begin with.
    pub key_prefix: String,
    /// How long a request waits for Redis.
    pub timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { key_prefix: "inwren:".to_owned(), timeout: Duration::from_millis(40) }
    }
}

/// Limits by the generic cell rate algorithm, for all instances with the same Redis together.
///
/// A decision is one atomic script, which goes by the clock of the Redis server; `now` is passed over, because the clocks
/// of two instances may differ. A key holds one number, and Redis forgets it once the allowance is whole.
///
/// Should Redis not answer in time, the instance decides by itself, with a [`MemoryRateLimiter`] that has learnt from every
/// decision of Redis. So a client who has used the allowance up does not get a new one. Right after a call that was not
/// answered the next ones wait for a quarter of the time only: a request may ask twice, for its client and for the account,
/// and is not held up twice. If nothing is answered for three times as long, or a call fails, Redis is not asked again until
/// it has answered a probe in the background. When it does, it is told what the instance knows of each client who comes, in
/// case it has forgotten.
pub struct RedisRateLimiter {
    link: Link,
    alone: MemoryRateLimiter,
    prefix: String,
    patience: Duration,
    counters: Counters,
    fallback_decisions: AtomicU64,
    /// Goes forward only, unlike the clock of the machine.
    begun: Instant,
}

impl RedisRateLimiter {
    /// Begins to connect, and does not wait for it. Must be called within a Tokio runtime.
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

    async fn ask(&self, key: &LimitKey, quota: Quota) -> Option<Decision> {
        let begun = Instant::now();
        let live = self.link.live().await?;
        let (pace, now) = (Pace::new(quota, TICK), self.now());
        let name = format!("{}{}:{}", self.prefix, key.operation, key.subject);
        let mut connection = live.connection();
        let call = self.link.script().run(&mut connection, &name, &pace, self.alone.owed(key, now));
        let patience = live.patience(self.patience).saturating_sub(begun.elapsed());
        match in_time(patience, call).await {
            Some(Ok(Taken { allowed, owed })) => {
                live.answered();
                let owed = nanos(owed);
                self.alone.learn(key, quota, now + owed, now);
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
        let decision = match self.ask(key, quota).await {
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
