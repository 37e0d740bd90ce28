use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use inwren_domain::ports::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
use time::OffsetDateTime;

use super::counters::Counters;
use super::gcra::Pace;

/// Limits by the generic cell rate algorithm, in the memory of this process.
///
/// A key costs one number: the time at which its allowance is whole again. Keys whose time has come are forgotten.
/// Should more keys be live than there is room for, new ones share a fixed number of allowances: an attacker with many
/// addresses limits the other newcomers, but neither pushes out anybody who is known nor takes more memory.
pub struct MemoryRateLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    keys_per_shard: usize,
    counters: Counters,
}

#[derive(Default)]
struct Shard {
    /// By key, when the allowance is whole again, in nanoseconds by the clock of the caller.
    known: HashMap<LimitKey, i128>,
    /// The same for those who share, by their place.
    shared: HashMap<(&'static str, u64), i128>,
    /// Before this time there is nobody to forget: so a crowd of strangers does not make every call look for one.
    full_until: i128,
}

const SHARDS: usize = 32;
const SHARED_PER_SHARD: u64 = 64;
/// The keys that are told apart unless another number is given: some 10 MB when all are live.
const DEFAULT_MAX_KEYS: usize = 100_000;

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::with_max_keys(DEFAULT_MAX_KEYS)
    }
}

impl MemoryRateLimiter {
    /// A limiter that tells so many keys apart.
    pub fn with_max_keys(max_keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            keys_per_shard: max_keys.div_ceil(SHARDS).max(1),
            counters: Counters::default(),
        }
    }

    /// Takes one of the key's allowance, and does not count the decision.
    pub(super) fn decide(&self, key: &LimitKey, quota: Quota, now: i128) -> Decision {
        let (pace, hash) = (Pace::new(quota, 1), self.hasher.hash_one(key));
        let Some(mut shard) = self.shard(hash) else { return pace.decide(now, now).0 };
        if let Some(whole_at) = shard.known.get_mut(key) {
            return take(pace, whole_at, now);
        }
        if shard.has_room(self.keys_per_shard, now) {
            return take(pace, shard.known.entry(key.clone()).or_insert(now), now);
        }
        let place = (key.operation, (hash / SHARDS as u64) % SHARED_PER_SHARD);
        take(pace, shard.shared.entry(place).or_insert(now), now)
    }

    /// How long it is until the key's allowance is whole again, as far as is known here.
    pub(super) fn owed(&self, key: &LimitKey, now: i128) -> Duration {
        let known = self.shard(self.hasher.hash_one(key));
        let whole_at = known.and_then(|shard| shard.known.get(key).copied()).unwrap_or(now);
        Duration::from_nanos(u64::try_from(whole_at - now).unwrap_or(0))
    }

    /// Takes over what somebody else has decided of the key: when its allowance is whole again. Answers that overtake one
    /// another do no harm.
    pub(super) fn learn(&self, key: &LimitKey, whole_at: i128, now: i128) {
        let Some(mut shard) = self.shard(self.hasher.hash_one(key)) else { return };
        if let Some(known) = shard.known.get_mut(key) {
            *known = (*known).max(whole_at);
        } else if shard.has_room(self.keys_per_shard, now) {
            shard.known.insert(key.clone(), whole_at);
        }
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

impl Shard {
    /// Whether there is room for one more key, once those are forgotten whose allowance is whole.
    fn has_room(&mut self, keys: usize, now: i128) -> bool {
        if self.known.len() >= keys && now >= self.full_until {
            self.known.retain(|_, whole_at| *whole_at > now);
            // From here on the time of a key goes only forward, unless the clock of the caller steps back.
            self.full_until = self.known.values().copied().min().unwrap_or(now);
        }
        self.known.len() < keys
    }
}

fn take(pace: Pace, whole_at: &mut i128, now: i128) -> Decision {
    let (decision, after) = pace.decide(*whole_at, now);
    *whole_at = after;
    decision
}
