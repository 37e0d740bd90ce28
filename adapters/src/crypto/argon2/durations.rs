use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in seconds: from a wait with a free thread to the longest wait and the most expensive
/// check.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Counts durations by size.
#[derive(Default)]
pub(super) struct Histogram {
    /// The last bucket counts durations beyond all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, duration: Duration) {
        let bucket = BOUNDS.iter().take_while(|bound| **bound < duration.as_secs_f64()).count();
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn durations(&self) -> Durations {
        Durations {
            counts: self.counts.each_ref().map(|count| count.load(Ordering::Relaxed)),
            sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

/// A histogram of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations {
    counts: [u64; BOUNDS.len() + 1],
    /// Sum of all durations.
    pub sum: Duration,
}

impl Durations {
    /// Returns the number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns for each bucket its upper bound in seconds (the last one is infinite) and how many durations it holds
    /// that no smaller bucket holds.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_smallest_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for micros in [0, 500, 501, 2_500_000, 2_500_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let durations = histogram.durations();
        assert_eq!((durations.count(), durations.sum), (5, Duration::from_micros(5_001_002)));
        let filled: Vec<_> = durations.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.0005, 2), (0.001, 1), (2.5, 1), (f64::INFINITY, 1)]);
    }
}
