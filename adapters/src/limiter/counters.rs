use std::sync::atomic::{AtomicU64, Ordering};

use inwren_domain::limiter::{Decision, LimiterMetrics};

/// Counts the decisions of a limiter.
#[derive(Default)]
pub(super) struct Counters {
    allowed: AtomicU64,
    limited: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, decision: &Decision) {
        let counter = if decision.allowed { &self.allowed } else { &self.limited };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the metrics that every limiter has.
    pub(super) fn metrics(&self) -> LimiterMetrics {
        LimiterMetrics {
            allowed: self.allowed.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            ..LimiterMetrics::default()
        }
    }
}
