//! The port for rate limits.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::kernel::AddressBlock;

/// Bounds how often somebody may do something.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one of the key's allowance.
    ///
    /// It MUST allow exactly `quota.limit` calls at one moment, however many ask at once, and afterwards one more each
    /// `quota.period / quota.limit` (the generic cell rate algorithm); a refused call MUST take nothing. Different
    /// keys MUST NOT share an allowance, as long as there is room to tell them apart. Where there is none, the block of
    /// addresses with the most keys MUST make room for keys of other blocks, and one operation MUST NOT take the room of
    /// another.
    ///
    /// Where several instances have one limiter in common, all this MUST hold for their calls taken together. Their
    /// clocks may differ, so such a limiter goes by a clock that they have in common too, and not by `now`.
    async fn check(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision;

    /// Whether the limiter works as configured, or had to fall back to something less.
    fn is_degraded(&self) -> bool {
        false
    }

    /// What it has decided so far. Every call of [`check`](Self::check) MUST be counted once, as allowed or limited.
    fn metrics(&self) -> LimiterMetrics;
}

/// What a limiter has done since it was made, and how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimiterMetrics {
    /// Calls that were allowed.
    pub allowed: u64,
    /// Calls that were refused.
    pub limited: u64,
    /// Calls, of either kind, that this instance decided by itself because what it shares with others did not answer.
    pub fallback_decisions: u64,
    /// How often it had to begin to decide by itself.
    pub degradations: u64,
    /// Whether it does so now.
    pub degraded: bool,
}

/// How many calls are allowed within which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls; at least 1.
    pub limit: u32,
    /// Within this time; more than zero.
    pub period: Duration,
}

impl Quota {
    /// So many calls a minute.
    pub const fn per_minute(limit: u32) -> Self {
        Self { limit, period: Duration::from_secs(60) }
    }
}

/// Whose allowance of what is asked for: the operation's name and the subject. The origin is no part of the name.
#[derive(Clone)]
pub struct LimitKey {
    /// The operation.
    pub operation: &'static str,
    /// Who asks: an address prefix, a session, or the keyed hash of an e-mail address. Never personal data in plain.
    pub subject: String,
    /// Where this call comes from: the block that the key is charged to if the limiter does not know the key yet.
    pub origin: AddressBlock,
}

impl fmt::Debug for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitKey({}, …)", self.operation)
    }
}

/// What the limiter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the call may go on.
    pub allowed: bool,
    /// The quota that was applied.
    pub quota: Quota,
    /// How many more calls would be allowed right now.
    pub remaining: u32,
    /// When the whole allowance is there again.
    pub reset_after: Duration,
    /// When the next call is allowed; zero if one is allowed now.
    pub retry_after: Duration,
}
