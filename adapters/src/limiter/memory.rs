use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use inwren_domain::limiter::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
use time::OffsetDateTime;

use super::counters::Counters;
use super::gcra::Pace;
use super::table::{Hashed, Table};

/// In-memory rate limiter with the generic cell rate algorithm.
///
/// A key costs one number: the time at which its allowance is full again. The limiter drops keys after that time. Each
/// operation has its own table with a bounded number of keys. When the table is full, the address block with the most
/// keys makes room for keys of other blocks. Keys without their own entry share a fixed number of allowances. So an
/// attacker with many addresses can neither shut out newcomers from other blocks nor use more memory.
pub struct MemoryRateLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    max_keys: usize,
    counters: Counters,
}

/// Tables by operation. A table identifies a key by its 64-bit hash, which uses a random key per process.
type Shard = HashMap<&'static str, Table>;

const SHARDS: usize = 32;
/// Default number of keys that an operation distinguishes within a minute. If all are live, they take 2.3 MB, or 5.8 MB
/// if each comes from an address block of its own.
const DEFAULT_MAX_KEYS: usize = 50_000;
/// Maximum number of minutes for which a table has room. A key lives until its allowance is full again, so operations
/// with a longer period have more keys.
const MAX_MINUTES: u64 = 4;

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::with_max_keys(DEFAULT_MAX_KEYS)
    }
}

impl MemoryRateLimiter {
    /// Creates a limiter that distinguishes this many keys per operation, and up to four times as many if the period of
    /// the quota is longer than a minute.
    pub fn with_max_keys(max_keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            max_keys,
            counters: Counters::default(),
        }
    }

    /// Takes one call from the key's allowance. It does not count the decision in the metrics.
    pub(super) fn decide(&self, key: &LimitKey, quota: Quota, now: i128) -> Decision {
        let (pace, hashed) = (Pace::new(quota, 1), self.hashed(key));
        let Some(mut shard) = self.shard(hashed.key) else { return pace.decide(now, now).0 };
        let table = shard.entry(key.operation).or_default();
        table.take(hashed, pace, self.keys_per_shard(quota.period), now)
    }

    /// Returns one call to the key's allowance.
    pub(super) fn return_call(&self, key: &LimitKey, quota: Quota, now: i128) -> Decision {
        let (pace, hashed) = (Pace::new(quota, 1), self.hashed(key));
        let mut shard = self.shard(hashed.key);
        match shard.as_mut().and_then(|shard| shard.get_mut(key.operation)) {
            Some(table) => table.give_back(hashed.key, pace, now),
            None => pace.decision(true, 0),
        }
    }

    /// Returns the time until the key's allowance is full again, as far as this limiter knows.
    pub(super) fn owed(&self, key: &LimitKey, now: i128) -> Duration {
        let hashed = self.hashed(key);
        let shard = self.shard(hashed.key);
        let table = shard.as_ref().and_then(|shard| shard.get(key.operation));
        let whole_at = table.and_then(|table| table.whole_at(hashed.key)).unwrap_or(now);
        Duration::from_nanos(u64::try_from(whole_at - now).unwrap_or(0))
    }

    /// Records another limiter's decision on the key: the time at which its allowance is full again.
    pub(super) fn learn(&self, key: &LimitKey, quota: Quota, whole_at: i128, now: i128) {
        let hashed = self.hashed(key);
        let Some(mut shard) = self.shard(hashed.key) else { return };
        let table = shard.entry(key.operation).or_default();
        table.learn(hashed, whole_at, self.keys_per_shard(quota.period), now);
    }

    fn hashed(&self, key: &LimitKey) -> Hashed {
        Hashed { key: self.hasher.hash_one((key.operation, &key.subject)), origin: key.origin }
    }

    fn keys_per_shard(&self, period: Duration) -> usize {
        let minutes = period.as_secs().div_ceil(60).clamp(1, MAX_MINUTES);
        self.max_keys.saturating_mul(minutes as usize).div_ceil(SHARDS).max(1)
    }

    // The state is a map of numbers and consistent at every moment, so a poisoned lock stays usable.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard>> {
        let index = usize::try_from(hash % SHARDS as u64).ok()?;
        Some(self.shards.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn check(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision {
        let decision = self.decide(key, quota, now.unix_timestamp_nanos());
        self.counters.count(&decision);
        decision
    }

    async fn give_back(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision {
        self.return_call(key, quota, now.unix_timestamp_nanos())
    }

    fn metrics(&self) -> LimiterMetrics {
        self.counters.metrics()
    }
}
