//! Steady time from the operating system's clock.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use inwren_domain::kernel::{Clock, ClockAhead};
use time::{Duration, OffsetDateTime};

/// Largest lead over the system clock that is worked off, and with which tokens are still signed. It equals the leeway
/// of verifiers: no token outlives its expiry by more than that, and the clocks of two machines differ by as much
/// anyway.
const WORKED_OFF: Duration = Duration::seconds(10);
/// The clock works a lead off by running slower by one part in this many.
const WORKED_OFF_PART: i32 = 200;
/// Smallest difference between the change of the system clock and the elapsed time that counts as a step.
const STEP: Duration = Duration::SECOND;
/// The clock gives up a lead that is not worked off when the system clock has made no step for this long.
const GIVEN_UP_AFTER: Duration = Duration::MINUTE;
/// Smallest step that stops deletions for a while.
const LARGE_STEP: Duration = Duration::minutes(5);
/// How long a large step keeps the clock unsettled, and how long the system clock must make no step before its value
/// becomes the reference for later comparisons.
const SETTLED_AFTER: Duration = Duration::HOUR;

/// Source of time for a [`SteadyClock`].
pub trait Machine: Send + Sync {
    /// Returns the time of the system clock, which may be set forward or back at any time.
    fn system(&self) -> OffsetDateTime;
    /// Returns the time elapsed since a fixed moment. This clock is never set.
    fn elapsed(&self) -> Duration;
}

/// A clock that follows the system clock forward at once, and back only when that is safe.
///
/// A token that is valid for 30 minutes must expire after 30 minutes, even if the system clock is set back meanwhile:
///
/// - System clock set forward: this clock follows at once. Tokens only expire sooner.
/// - System clock set back by at most ten seconds: this clock runs slower by one part in 200 until the two agree. A
///   correction by one second takes three minutes.
/// - System clock set back to the time that it would show if it had never been set: it was wrong in between. This clock
///   follows at once.
/// - System clock set back to any other time: either value may be the wrong one. This clock continues from its own time
///   and [refuses to sign](Clock::signing_time) until the system clock has made no step for a minute. Then it follows,
///   because other instances and services reject tokens from a clock that stays ahead.
///
/// For an hour after a step of five minutes or more, in either direction, it is not [settled](Clock::is_settled).
pub struct SteadyClock<M> {
    machine: M,
    last: Mutex<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    shown: OffsetDateTime,
    machine: Moment,
    /// The last moment before the steps of the last hour.
    undisturbed: Moment,
    /// Elapsed time at which the last step was detected.
    stepped_at: Option<Duration>,
    /// Elapsed time at which the last large step was detected.
    large_step_at: Option<Duration>,
}

/// The readings of both clocks of a machine at one moment.
#[derive(Clone, Copy, Debug)]
struct Moment {
    system: OffsetDateTime,
    elapsed: Duration,
}

/// The steady clock of this machine.
pub type SystemClock = SteadyClock<ThisMachine>;

impl SystemClock {
    /// Starts with the current time of the system clock.
    pub fn start() -> Self {
        Self::of(ThisMachine { beginning: Instant::now() })
    }
}

impl<M: Machine> SteadyClock<M> {
    /// Starts with the current time of this machine's system clock.
    pub fn of(machine: M) -> Self {
        let now = Moment { system: machine.system(), elapsed: machine.elapsed() };
        let first = Reading {
            shown: now.system,
            machine: now,
            undisturbed: now,
            stepped_at: None,
            large_step_at: None,
        };
        Self { machine, last: Mutex::new(first) }
    }

    fn read(&self) -> Reading {
        // A poisoned lock still holds a complete reading.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Moment { system: self.machine.system(), elapsed: self.machine.elapsed() };
        let before = *last;
        let reading = before.then(now);
        *last = reading;
        drop(last);
        before.tell(&reading);
        reading
    }
}

impl Reading {
    /// Returns the reading at a later moment.
    fn then(&self, now: Moment) -> Self {
        let passed = (now.elapsed - self.machine.elapsed).max(Duration::ZERO);
        let step = now.step_since(&self.machine).abs();
        let stepped_at = if step >= STEP { Some(now.elapsed) } else { self.stepped_at };
        let large_step_at = if step >= LARGE_STEP { Some(now.elapsed) } else { self.large_step_at };
        let has_been_calm =
            |time| stepped_at.is_none_or(|at: Duration| now.elapsed.saturating_sub(at) >= time);

        let expected = self.shown.saturating_add(passed);
        let lead = (expected - now.system).max(Duration::ZERO);
        let is_back = || now.step_since(&self.undisturbed).abs() <= WORKED_OFF;
        let shown = if lead.is_zero() {
            now.system
        } else if lead <= WORKED_OFF {
            expected.saturating_sub(lead.min(passed / WORKED_OFF_PART))
        } else if is_back() || has_been_calm(GIVEN_UP_AFTER) {
            now.system
        } else {
            expected
        };
        let undisturbed = if has_been_calm(SETTLED_AFTER) { now } else { self.undisturbed };
        Self { shown, machine: now, undisturbed, stepped_at, large_step_at }
    }

    fn lead(&self) -> Duration {
        self.shown - self.machine.system
    }

    fn is_ahead(&self) -> bool {
        self.lead() > WORKED_OFF
    }

    /// Logs what the next reading changes.
    fn tell(&self, next: &Self) {
        let step = next.machine.step_since(&self.machine);
        let (step_seconds, lead_seconds) = (step.whole_seconds(), next.lead().whole_seconds());
        if step.abs() >= STEP {
            let advice = if next.is_ahead() {
                "the system clock was set back: nothing is signed until it has not been set for a minute"
            } else if step.abs() >= LARGE_STEP {
                "the system clock was set: the service follows, and deletes nothing for an hour"
            } else {
                "the system clock was set: the service follows"
            };
            tracing::warn!(step_seconds, lead_seconds, "{advice}");
        } else if self.is_ahead() && !next.is_ahead() {
            tracing::warn!("the service follows the system clock again, and signs");
        }
    }
}

impl Moment {
    /// Returns by how much the system clock was set since an earlier moment.
    fn step_since(&self, earlier: &Self) -> Duration {
        let passed = self.elapsed.saturating_sub(earlier.elapsed).max(Duration::ZERO);
        (self.system - earlier.system).saturating_sub(passed)
    }
}

impl<M: Machine> Clock for SteadyClock<M> {
    fn now(&self) -> OffsetDateTime {
        self.read().shown.truncate_to_microsecond()
    }

    fn signing_time(&self) -> Result<OffsetDateTime, ClockAhead> {
        let reading = self.read();
        if reading.is_ahead() {
            return Err(ClockAhead { by: reading.lead() });
        }
        Ok(reading.shown.truncate_to_microsecond())
    }

    fn is_settled(&self) -> bool {
        let reading = self.read();
        let since = |at| reading.machine.elapsed.saturating_sub(at);
        reading.large_step_at.is_none_or(|at| since(at) >= SETTLED_AFTER)
    }
}

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug)]
pub struct ThisMachine {
    beginning: Instant,
}

impl Machine for ThisMachine {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the operating system for the time"
    )]
    fn system(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn elapsed(&self) -> Duration {
        // This overflows only after 292 years.
        Duration::try_from(self.beginning.elapsed()).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A machine whose clocks the test moves.
    #[derive(Clone)]
    struct Fake(Arc<Mutex<(OffsetDateTime, Duration)>>);

    impl Fake {
        fn new() -> Self {
            Self(Arc::new(Mutex::new((start(), Duration::ZERO))))
        }

        fn pass(&self, by: Duration) {
            let mut clocks = self.0.lock().unwrap();
            *clocks = (clocks.0 + by, clocks.1 + by);
        }

        fn step(&self, by: Duration) {
            self.0.lock().unwrap().0 += by;
        }
    }

    impl Machine for Fake {
        fn system(&self) -> OffsetDateTime {
            self.0.lock().unwrap().0
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().1
        }
    }

    fn start() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::days(20_000)
    }

    fn clock() -> (Fake, SteadyClock<Fake>) {
        let machine = Fake::new();
        (machine.clone(), SteadyClock::of(machine))
    }

    #[test]
    fn undisturbed_it_shows_what_the_system_shows() {
        let (machine, clock) = clock();
        for _ in 0..1_000 {
            machine.pass(Duration::microseconds(1_234_567));
            assert_eq!(clock.now(), machine.system());
        }
    }

    #[test]
    fn a_step_forward_is_followed_at_once() {
        let (machine, clock) = clock();
        machine.step(Duration::HOUR);
        assert_eq!(clock.now(), start() + Duration::HOUR);
        machine.pass(Duration::MINUTE);
        assert_eq!(clock.now(), machine.system());
    }

    #[test]
    fn step_back_is_followed_after_a_calm_minute() {
        let (machine, clock) = clock();
        machine.pass(Duration::MINUTE);
        machine.step(-Duration::HOUR);
        let by = Duration::HOUR;
        assert_eq!(clock.now(), start() + Duration::MINUTE);
        assert_eq!(clock.signing_time(), Err(ClockAhead { by }));
        machine.pass(59 * Duration::SECOND);
        assert_eq!(clock.now(), start() + 119 * Duration::SECOND);
        // Another step, in either direction, restarts the minute.
        machine.step(2 * Duration::SECOND);
        assert_eq!(clock.signing_time(), Err(ClockAhead { by: by - 2 * Duration::SECOND }));
        machine.pass(59 * Duration::SECOND);
        assert!(clock.signing_time().is_err());
        machine.pass(Duration::SECOND);
        assert_eq!(clock.signing_time(), Ok(machine.system()));
        assert_eq!(clock.now(), machine.system());
    }

    #[test]
    fn undone_step_back_leaves_no_lead() {
        let (machine, clock) = clock();
        machine.step(-Duration::HOUR);
        assert!(clock.signing_time().is_err());
        machine.pass(30 * Duration::SECOND);
        machine.step(Duration::HOUR);
        assert_eq!(clock.signing_time(), Ok(start() + 30 * Duration::SECOND));
        assert_eq!(clock.now(), machine.system());
    }

    #[test]
    fn momentary_error_is_corrected_at_once() {
        let (machine, clock) = clock();
        let wrong = Duration::days(400);
        machine.pass(Duration::MINUTE);
        machine.step(wrong);
        assert_eq!(clock.signing_time(), Ok(start() + Duration::MINUTE + wrong));
        machine.pass(30 * Duration::MINUTE);
        // Set back by hand, not exact to the second.
        machine.step(-wrong - 4 * Duration::SECOND);
        assert_eq!(clock.signing_time(), Ok(machine.system()));
        assert_eq!(clock.now(), start() + 31 * Duration::MINUTE - 4 * Duration::SECOND);
    }

    #[test]
    fn wrong_start_is_corrected_after_a_minute() {
        let (machine, clock) = clock();
        let wrong = Duration::days(400);
        machine.pass(10 * Duration::MINUTE);
        machine.step(-wrong);
        assert_eq!(clock.signing_time(), Err(ClockAhead { by: wrong }));
        machine.pass(Duration::MINUTE);
        assert_eq!(clock.signing_time(), Ok(machine.system()));
    }

    #[test]
    fn large_step_unsettles_the_clock_for_an_hour() {
        for step in [Duration::days(400), -Duration::days(400), Duration::minutes(5), -Duration::minutes(5)] {
            let (machine, clock) = clock();
            assert!(clock.is_settled());
            machine.step(step);
            assert!(!clock.is_settled());
            machine.pass(59 * Duration::MINUTE);
            assert!(!clock.is_settled());
            // The step back counts as a step too.
            machine.step(-step);
            assert!(!clock.is_settled());
            machine.pass(59 * Duration::MINUTE);
            assert!(!clock.is_settled());
            machine.pass(Duration::MINUTE);
            assert!(clock.is_settled());
        }
        let (machine, clock) = clock();
        machine.step(Duration::minutes(4));
        assert!(clock.is_settled());
        machine.step(-Duration::minutes(4));
        assert!(clock.is_settled());
    }

    #[test]
    fn a_small_lead_is_worked_off() {
        let (machine, clock) = clock();
        machine.step(-Duration::SECOND);
        for _ in 0..199 {
            machine.pass(Duration::SECOND);
            assert!(clock.now() > machine.system());
        }
        machine.pass(2 * Duration::SECOND);
        assert_eq!(clock.now(), machine.system());
        machine.pass(Duration::MINUTE);
        assert_eq!(clock.now(), machine.system());
    }

    #[test]
    fn clock_goes_back_only_to_the_system_clock() {
        let (machine, clock) = clock();
        let mut last = clock.now();
        for minutes in [60, -60, -60, 60, 5, -5, -1_440, 1_440, -60, 60, 1_440, -2_880] {
            machine.step(Duration::minutes(minutes));
            for _ in 0..12 {
                let shown = clock.now();
                assert!(shown >= last || shown == machine.system(), "it went back by {}", last - shown);
                assert!(shown >= machine.system());
                assert_eq!(clock.signing_time().is_err(), shown - machine.system() > WORKED_OFF);
                last = shown;
                machine.pass(10 * Duration::SECOND);
            }
            assert_eq!(clock.signing_time(), Ok(machine.system()));
            last = clock.now();
        }
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let (machine, clock) = clock();
        machine.0.lock().unwrap().1 = Duration::MAX;
        let shown = clock.now();
        machine.step(-Duration::days(20_000));
        assert!(clock.now() >= shown);
    }

    #[test]
    fn this_machine_goes_forward() {
        let clock = SystemClock::start();
        let times: Vec<OffsetDateTime> = (0..1_000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
    }
}
