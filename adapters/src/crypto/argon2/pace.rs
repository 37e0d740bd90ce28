use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long a thread takes for a hash with the current parameters, as it has turned out so far.
///
/// It counts the processor's time and not the clock's, so that it does not matter how busy the machine is.
#[derive(Default)]
pub(super) struct Pace {
    usual: Option<Duration>,
}

/// What one more hash counts for: enough to follow a processor that changes its speed, and not to follow every disturbance.
const NEW_OF: u32 = 8;

impl Pace {
    /// How long something takes.
    pub(super) fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
        let begun = processor_time();
        let outcome = work();
        (outcome, processor_time().saturating_sub(begun))
    }

    /// Computes a hash with the current parameters, and learns from how long it takes.
    pub(super) fn learn<T>(&mut self, work: impl FnOnce() -> T) -> (T, Duration) {
        let (outcome, took) = Self::time(work);
        let before = self.usual.unwrap_or(took);
        self.usual = Some((before * (NEW_OF - 1) + took) / NEW_OF);
        (outcome, took)
    }

    /// How many usual hashes a thread computes in this time. None where there has been none yet.
    pub(super) fn hashes_within(&self, time: Duration) -> usize {
        let usual = self.usual.map_or(0, |usual| usual.as_nanos());
        time.as_nanos().checked_div(usual).map_or(0, |hashes| usize::try_from(hashes).unwrap_or(usize::MAX))
    }

    #[cfg(test)]
    pub(super) fn set_usual(&mut self, usual: Duration) {
        self.usual = Some(usual);
    }

    /// What is missing to `count` usual hashes, in hashes. `None` where there has been none yet.
    pub(super) fn missing(&self, count: u64, spent: Duration) -> Option<f64> {
        let usual = self.usual.filter(|usual| !usual.is_zero())?;
        Some((count as f64 - spent.as_secs_f64() / usual.as_secs_f64()).max(0.0))
    }
}

/// Of this thread.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_what_has_not_been_spent() {
        let mut pace = Pace::default();
        assert_eq!(pace.missing(1, Duration::ZERO), None);
        pace.usual = Some(Duration::from_millis(16));
        assert_eq!(pace.missing(1, Duration::from_millis(4)), Some(0.75));
        assert_eq!(pace.missing(2, Duration::from_millis(4)), Some(1.75));
        assert_eq!(pace.missing(1, Duration::from_millis(200)), Some(0.0));
    }

    #[test]
    fn as_many_hashes_as_fit_into_a_time() {
        let within = |usual| Pace { usual }.hashes_within(Duration::from_millis(60));
        assert_eq!(within(None), 0);
        assert_eq!(
            [0, 15, 16, 60, 61].map(|usual| within(Some(Duration::from_millis(usual)))),
            [0, 4, 3, 1, 0]
        );
    }

    #[test]
    fn the_usual_time_follows_slowly() {
        let mut pace = Pace { usual: Some(Duration::from_secs(8)) };
        let ((), took) = pace.learn(|| ());
        let usual = pace.usual.unwrap();
        assert!(usual >= Duration::from_secs(7) && usual <= Duration::from_secs(7) + took, "{usual:?}");
    }

    #[test]
    fn waiting_is_no_work() {
        let ((), took) = Pace::time(|| std::thread::park_timeout(Duration::from_millis(50)));
        assert!(took < Duration::from_millis(50), "{took:?}");
    }
}
