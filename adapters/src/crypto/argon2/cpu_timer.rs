use std::collections::VecDeque;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU timer: tracks how long a thread takes for a hash with the current parameters.
///
/// It counts CPU time instead of wall-clock time, so that the load of the machine does not matter.
#[derive(Default)]
pub(super) struct CpuTimer {
    /// CPU time of the last hashes, oldest first.
    recent: VecDeque<Duration>,
}

/// How many of the last hashes define the usual time: few enough to follow a CPU that changes its speed.
const RECENT: usize = 15;

impl CpuTimer {
    /// Measures the CPU time of a function.
    pub(super) fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
        let begun = processor_time();
        let outcome = work();
        (outcome, processor_time().saturating_sub(begun))
    }

    /// Computes a hash with the current parameters and records its CPU time.
    pub(super) fn learn<T>(&mut self, work: impl FnOnce() -> T) -> (T, Duration) {
        let (outcome, took) = Self::time(work);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
        (outcome, took)
    }

    /// Returns the median of the last hashes. A mean would follow every disturbance: one hash in ten that takes 50%
    /// longer would raise it by 5%. Returns `None` if there has been no hash yet.
    fn usual(&self) -> Option<Duration> {
        let mut recent: Vec<Duration> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied()
    }

    /// Returns the work that is missing to reach `count` usual hashes, in hashes. Returns `None` if there has been no
    /// hash yet.
    pub(super) fn missing(&self, count: u64, spent: Duration) -> Option<f64> {
        let usual = self.usual().filter(|usual| !usual.is_zero())?;
        Some((count as f64 - spent.as_secs_f64() / usual.as_secs_f64()).max(0.0))
    }

    #[cfg(test)]
    pub(super) fn of(recent: impl IntoIterator<Item = Duration>) -> Self {
        Self { recent: recent.into_iter().collect() }
    }
}

/// CPU time of this thread.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds<const N: usize>(times: [u64; N]) -> [Duration; N] {
        times.map(Duration::from_millis)
    }

    #[test]
    fn what_is_missing_is_what_has_not_been_spent() {
        assert_eq!(CpuTimer::default().missing(1, Duration::ZERO), None);
        let timer = CpuTimer::of(milliseconds([16]));
        let missing = |count, spent| timer.missing(count, Duration::from_millis(spent)).unwrap();
        assert_eq!([missing(1, 4), missing(2, 4), missing(1, 200)], [0.75, 1.75, 0.0]);
    }

    #[test]
    fn the_usual_time_is_that_of_most_and_not_of_the_disturbed() {
        let usual = |times| CpuTimer::of(times).usual().unwrap();
        assert_eq!(usual(milliseconds([16, 90, 15, 17, 16])), Duration::from_millis(16));
    }

    #[test]
    fn the_usual_time_follows() {
        let long = Duration::from_secs(8);
        let mut timer = CpuTimer::of([long; RECENT]);
        for _ in 0..=RECENT / 2 {
            assert_eq!(timer.usual(), Some(long));
            timer.learn(|| ());
        }
        assert!(timer.usual().unwrap() < long);
        assert_eq!(timer.recent.len(), RECENT);
    }

    #[test]
    fn waiting_is_no_work() {
        let ((), took) = CpuTimer::time(|| std::thread::park_timeout(Duration::from_millis(50)));
        assert!(took < Duration::from_millis(50), "{took:?}");
    }
}
