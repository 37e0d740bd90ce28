use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::Metric;

/// The upper bounds of the buckets, in microseconds and as text in seconds. They range from a read that is answered
/// from memory to the request timeout.
const BOUNDS: [(u64, &str); 15] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
];

/// A histogram of durations. Counting is two atomic additions.
#[derive(Default)]
pub(super) struct Histogram {
    /// The number of durations per bucket, not cumulative. The last entry counts those above the last bound.
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// The sum in microseconds.
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().take_while(|(bound, _)| *bound < micros).count();
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// Writes the cumulative buckets, and the sum in seconds.
    pub(super) fn write(&self, metric: &mut Metric<'_>, label: (&str, &str)) {
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        let mut total = 0;
        for (count, bound) in self.counts.iter().zip(bounds) {
            total += count.load(Ordering::Relaxed);
            metric.part("_bucket", &[label, ("le", bound)], total);
        }
        metric.part("_sum", &[label], seconds(self.sum.load(Ordering::Relaxed)));
        metric.part("_count", &[label], total);
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::text::{Kind, Page};
    use super::*;

    #[test]
    fn a_duration_is_in_every_bucket_that_it_fits_into() {
        let histogram = Histogram::default();
        for micros in [0, 500, 501, 30_000_000, 30_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut page = Page::default();
        histogram.write(&mut page.metric("t", Kind::Histogram, "T."), ("of", "x"));
        let text = page.into_text();
        for line in [
            "t_bucket{of=\"x\",le=\"0.0005\"} 2",
            "t_bucket{of=\"x\",le=\"0.001\"} 3",
            "t_bucket{of=\"x\",le=\"10\"} 3",
            "t_bucket{of=\"x\",le=\"30\"} 4",
            "t_bucket{of=\"x\",le=\"+Inf\"} 5",
            "t_sum{of=\"x\"} 60.001002",
            "t_count{of=\"x\"} 5",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_bounds_are_written_as_they_are() {
        for (micros, text) in BOUNDS {
            assert_eq!(text.parse::<f64>().unwrap(), Duration::from_micros(micros).as_secs_f64());
        }
    }
}
