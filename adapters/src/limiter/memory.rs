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

/// Limits by the generic cell rate algorithm, in the memory of this process.
///
/// A key costs one number: the time at which its allowance is whole again. Keys whose time has come are forgotten.
/// Each operation has a table of its own with a bounded number of keys. When it is full, the address block with the
/// most keys makes room for those of other blocks; what has no place of its own shares a fixed number of allowances. So an
/// attacker with many addresses neither keeps out newcomers from other blocks nor takes more memory.
pub struct MemoryRateLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    max_keys: usize,
    counters: Counters,
}

/// By the operation. Keys are told apart by their 64-bit hash, whose key is random for each process.
type Shard = HashMap<&'static str, Table>;

const SHARDS: usize = 32;
/// The keys that an operation tells apart within a minute unless another number is given: some 2 MB when all are live.
const DEFAULT_MAX_KEYS: usize = 50_000;
/// A key lives as long as its allowance takes to be whole again, so an operation with a longer period has more of them.
/// It has room for as many as come within this many minutes at most.
const MAX_MINUTES: u64 = 4;

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::with_max_keys(DEFAULT_MAX_KEYS)
    }
}

impl MemoryRateLimiter {
    /// A limiter that tells so many keys of each operation apart; up to four times as many where the period of the quota
    /// is longer than a minute.
    pub fn with_max_keys(max_keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            max_keys,
            counters: Counters::default(),
        }
    }

    /// Takes one of the key's allowance, and does not count the decision.
    pub(super) fn decide(&self, key: &LimitKey, quota: Quota, now: i128) -> Decision {
        let (pace, hashed) = (Pace::new(quota, 1), self.hashed(key));
        let Some(mut shard) = self.shard(hashed.key) else { return pace.decide(now, now).0 };
        let table = shard.entry(key.operation).or_default();
        table.take(hashed, pace, self.keys_per_shard(quota.period), now)
    }

    /// How long it is until the key's allowance is whole again, as far as is known here.
    pub(super) fn owed(&self, key: &LimitKey, now: i128) -> Duration {
        let hashed = self.hashed(key);
        let shard = self.shard(hashed.key);
        let table = shard.as_ref().and_then(|shard| shard.get(key.operation));
        let whole_at = table.and_then(|table| table.whole_at(hashed.key)).unwrap_or(now);
        Duration::from_nanos(u64::try_from(whole_at - now).unwrap_or(0))
    }

    /// Takes over what another limiter has decided of the key: when its allowance is whole again.
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

    // The state is a map of numbers, whole at every moment, so a poisoned lock can be used on.
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

    fn metrics(&self) -> LimiterMetrics {
        self.counters.metrics()
    }
}
