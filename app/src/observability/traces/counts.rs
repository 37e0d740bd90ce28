use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters of batches that the collector accepted, and of failed attempts.
#[derive(Debug, Default)]
pub struct ExportCounts {
    sent: AtomicU64,
    failed: AtomicU64,
    is_failing: AtomicBool,
}

impl ExportCounts {
    /// The number of attempts that succeeded, and of those that failed.
    pub fn get(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if self.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the collector accepts traces again");
        }
    }

    /// Counts a failed attempt. It logs only the first failure, not one per batch until the collector is back.
    pub(super) fn failed(&self, reason: &dyn fmt::Display) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%reason, "the collector does not accept traces; traces are lost until it does");
        }
    }
}
