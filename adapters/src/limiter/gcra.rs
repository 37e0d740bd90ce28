use std::time::Duration;

use inwren_domain::limiter::{Decision, Quota};

/// A quota for the generic cell rate algorithm (GCRA). Each call moves the time at which the allowance is full again
/// further into the future, by at most `burst` from now. All times are in nanoseconds.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    quota: Quota,
    /// Cost of a call.
    pub(super) each: i128,
    /// Cost of the whole allowance. It is a multiple of `each`, because the remainder of an integer division would
    /// otherwise cost the last call of the allowance.
    pub(super) burst: i128,
}

impl Pace {
    /// Creates the pace of a quota for a clock with a resolution of `tick` nanoseconds.
    pub(super) fn new(quota: Quota, tick: i128) -> Self {
        let period = i128::try_from(quota.period.as_nanos()).unwrap_or(i128::MAX);
        let limit = i128::from(quota.limit.max(1));
        let each = (period / limit / tick).max(1).saturating_mul(tick);
        Self { quota, each, burst: each.saturating_mul(limit) }
    }

    /// Decides on a call of a client whose allowance is full again at `whole_at`, and returns the new such time.
    pub(super) fn decide(&self, whole_at: i128, now: i128) -> (Decision, i128) {
        // The time is at most one whole allowance away: if the clock steps back, no client waits for it to catch up.
        let whole_at = whole_at.clamp(now, now.saturating_add(self.burst));
        let allowed = whole_at + self.each - now <= self.burst;
        let stands_at = if allowed { whole_at + self.each } else { whole_at };
        (self.decision(allowed, stands_at - now), stands_at)
    }

    /// Returns one call to a client whose allowance is full again at `whole_at`, and returns the new such time. It is
    /// never before `now`, so the allowance never exceeds the burst.
    pub(super) fn give_back(&self, whole_at: i128, now: i128) -> (Decision, i128) {
        let whole_at = whole_at.clamp(now, now.saturating_add(self.burst));
        let stands_at = (whole_at - self.each).max(now);
        (self.decision(true, stands_at - now), stands_at)
    }

    /// Returns the decision from its result and the time until the allowance is full again.
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
