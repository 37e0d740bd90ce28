use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use inwren_domain::ports::{Decision, LimitKey, Quota, RateLimiter};
use time::OffsetDateTime;

/// Limits by the generic cell rate algorithm, in the memory of this process.
///
/// A key costs one number: the time at which its allowance is whole again. Keys whose time has come are forgotten.
/// Should more keys be live than there is room for, new ones share a fixed number of allowances: an attacker with many
/// addresses limits the other newcomers, but neither pushes out anybody who is known nor takes more memory.
pub struct MemoryRateLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    keys_per_shard: usize,
}

#[derive(Default)]
struct Shard {
    /// By key, when the allowance is whole again, in nanoseconds since 1970.
    known: HashMap<LimitKey, i128>,
    /// The same for those who share, by their place.
    shared: HashMap<(&'static str, u64), i128>,
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
        let hash = self.hasher.hash_one(key);
        let now = now.unix_timestamp_nanos();
        let Some(mut shard) = self.shard(hash) else { return decide(quota, now, now).0 };
        if let Some(whole_at) = shard.known.get_mut(key) {
            return take(quota, whole_at, now);
        }
        if shard.known.len() >= self.keys_per_shard {
            shard.known.retain(|_, whole_at| *whole_at > now);
        }
        if shard.known.len() < self.keys_per_shard {
            return take(quota, shard.known.entry(key.clone()).or_insert(now), now);
        }
        let place = (key.operation, (hash / SHARDS as u64) % SHARED_PER_SHARD);
        take(quota, shard.shared.entry(place).or_insert(now), now)
    }
}

fn take(quota: Quota, whole_at: &mut i128, now: i128) -> Decision {
    let (decision, after) = decide(quota, *whole_at, now);
    *whole_at = after;
    decision
}

/// What the limiter says to somebody whose allowance is whole again at `whole_at`, and when it is after that.
fn decide(quota: Quota, whole_at: i128, now: i128) -> (Decision, i128) {
    let period = i128::try_from(quota.period.as_nanos()).unwrap_or(i128::MAX).max(1);
    let each = (period / i128::from(quota.limit.max(1))).max(1);
    // Never further away than a period: should the clock step back, nobody waits for it to catch up.
    let whole_at = whole_at.clamp(now, now.saturating_add(period));
    let after = whole_at + each;
    // Whole division may leave a rest of nanoseconds, which must not cost the last call of the allowance.
    let used = after - now;
    let allowed = used <= each.saturating_mul(i128::from(quota.limit.max(1)));
    let stands_at = if allowed { after } else { whole_at };
    let left = (period - (stands_at - now)) / each;
    let decision = Decision {
        allowed,
        quota,
        remaining: if allowed { u32::try_from(left).unwrap_or(0) } else { 0 },
        reset_after: nanos(stands_at - now),
        retry_after: if allowed {
            Duration::ZERO
        } else {
            nanos(used - each * i128::from(quota.limit.max(1)))
        },
    };
    (decision, stands_at)
}

fn nanos(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}
