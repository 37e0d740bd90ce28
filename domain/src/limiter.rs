//! The port for rate limiting.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::kernel::AddressBlock;

/// Limits how often a client may perform an operation.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one call from the key's allowance.
    ///
    /// The limiter MUST allow exactly `quota.limit` calls at one moment, no matter how many arrive concurrently, and
    /// after that one more per `quota.period / quota.limit` (the generic cell rate algorithm). A refused call MUST take
    /// nothing. Different keys MUST NOT share an allowance, as long as there is room to distinguish them. If there is
    /// none, the address block with the most keys MUST make room for keys of other blocks, and one operation MUST NOT
    /// take the room of another.
    ///
    /// If several instances share a limiter, all of this MUST hold for their calls taken together. Their clocks may
    /// differ, so a shared limiter uses a shared clock and ignores `now`.
    async fn check(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision;

    /// Returns one call to the key's allowance, and reports the allowance as it is then. The caller MUST have taken the
    /// call by [`check`](Self::check) with the same quota, and MUST give it back at most once.
    ///
    /// The limiter MUST do this in one atomic step, and MUST NOT raise the allowance above `quota.limit`, no matter how
    /// often or how late callers give back. A key with its whole allowance MUST keep exactly that. Other keys MUST NOT
    /// gain anything. The limiter MUST NOT count this as a call. If it cannot distinguish the key from others, or cannot
    /// reach its shared backend, it MAY withhold the call: the limit is then stricter, never looser.
    async fn give_back(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision;

    /// Whether the limiter is degraded: it had to fall back to less than what is configured.
    fn is_degraded(&self) -> bool {
        false
    }

    /// Returns the counters. The limiter MUST count every call of [`check`](Self::check) once, as allowed or limited.
    fn metrics(&self) -> LimiterMetrics;
}

/// Counters since the limiter was created, and its current state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimiterMetrics {
    /// Calls that the limiter allowed.
    pub allowed: u64,
    /// Calls that the limiter refused.
    pub limited: u64,
    /// Calls, allowed or refused, that this instance decided alone because the shared backend did not respond.
    pub fallback_decisions: u64,
    /// How often the instance started to decide alone.
    pub degradations: u64,
    /// Whether the instance decides alone now.
    pub degraded: bool,
}

/// The number of calls allowed per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Number of calls; at least 1.
    pub limit: u32,
    /// Length of the period; more than zero.
    pub period: Duration,
}

impl Quota {
    /// `limit` calls per minute.
    pub const fn per_minute(limit: u32) -> Self {
        Self { limit, period: Duration::from_secs(60) }
    }
}

/// Identifies an allowance by operation and subject. The origin is not part of the key.
#[derive(Clone)]
pub struct LimitKey {
    /// The operation.
    pub operation: &'static str,
    /// The subject: an address prefix, the id of a user, a client or a session, or the keyed hash of an e-mail
    /// address. Never personal data in plain text.
    pub subject: String,
    /// The address block that the call comes from. The limiter charges this block for a key that is new to it.
    pub origin: AddressBlock,
}

impl fmt::Debug for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitKey({}, …)", self.operation)
    }
}

/// The limiter's decision on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the call is allowed.
    pub allowed: bool,
    /// The quota that was applied.
    pub quota: Quota,
    /// How many more calls are allowed right now.
    pub remaining: u32,
    /// Time until the whole allowance is available again.
    pub reset_after: Duration,
    /// Time until the next call is allowed; zero if one is allowed now.
    pub retry_after: Duration,
}
