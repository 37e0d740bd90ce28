use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

/// Bounds how often somebody may do something.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one of the key's allowance.
    ///
    /// It MUST allow exactly `quota.limit` calls at one moment, however many ask at once, and afterwards one more each
    /// `quota.period / quota.limit` (the generic cell rate algorithm); a refused call MUST take nothing. Different
    /// keys MUST NOT share an allowance, as long as there is room to tell them apart.
    async fn check(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision;

    /// Whether the limiter works as configured, or had to fall back to something less.
    fn is_degraded(&self) -> bool {
        false
    }
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

/// Whose allowance of what is asked for: the operation's name, and who asks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LimitKey {
    /// The operation.
    pub operation: &'static str,
    /// Who asks: an address prefix, a session, or the keyed hash of an e-mail address. Never personal data in plain.
    pub subject: String,
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
