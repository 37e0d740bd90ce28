use std::time::Duration;

use inwren_domain::limiter::{Decision, Quota};

/// A quota as the generic cell rate algorithm counts: each call moves the time at which the allowance is whole again
/// further away, and that time is never further away than `burst`. All times are in nanoseconds.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    quota: Quota,
    /// What a call costs.
    pub(super) each: i128,
    /// What the whole allowance costs. Whole division may leave a rest, which must not cost the last call of it.
    pub(super) burst: i128,
}

impl Pace {
    /// The pace of a quota, by a clock that is no finer than `tick` nanoseconds.
    pub(super) fn new(quota: Quota, tick: i128) -> Self {
        let period = i128::try_from(quota.period.as_nanos()).unwrap_or(i128::MAX);
        let limit = i128::from(quota.limit.max(1));
        let each = (period / limit / tick).max(1).saturating_mul(tick);
        Self { quota, each, burst: each.saturating_mul(limit) }
    }

    /// What is said to somebody whose allowance is whole again at `whole_at`, and when it is after that.
    pub(super) fn decide(&self, whole_at: i128, now: i128) -> (Decision, i128) {
        // Never further away than the whole allowance: should the clock step back, nobody waits for it to catch up.
        let whole_at = whole_at.clamp(now, now.saturating_add(self.burst));
        let allowed = whole_at + self.each - now <= self.burst;
        let stands_at = if allowed { whole_at + self.each } else { whole_at };
        (self.decision(allowed, stands_at - now), stands_at)
    }

    /// The decision where it is known, and how long it is from now until the allowance is whole again.
    pub(super) fn decision(&self, allowed: bool, owed: i128) -> Decision {
        let left = if allowed { (self.burst - owed) / self.each } else { 0 };
        Decision {
            allowed,
            quota: self.quota,
            remaining: u32::try_from(left).unwrap_or(0),
            reset_after: duration(owed),
            retry_after: if allowed { Duration::ZERO } else { duration(owed + self.each - self.burst) },
        }
    }
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}
