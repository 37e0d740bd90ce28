//! Time from the operating system, made steady.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use inwren_domain::ports::Clock;
use time::{Duration, OffsetDateTime};

/// The largest lead over the system clock that is worked off. By no more than that can anything outlive its time, and so
/// much do the clocks of two machines differ anyway.
const WORKED_OFF: Duration = Duration::seconds(10);
/// It is worked off by going slower by one part in so many.
const WORKED_OFF_PART: i32 = 200;
/// A step of the system clock that is worth a line in the log.
const NOTABLE_STEP: Duration = Duration::SECOND;

/// Where a [`SteadyClock`] looks.
pub trait Machine: Send + Sync {
    /// What the system clock shows. It may be set forward and back at any time.
    fn system(&self) -> OffsetDateTime;
    /// How much time has gone by since some fixed moment. It is never set.
    fn elapsed(&self) -> Duration;
}

/// The system clock, but for its steps back.
///
/// What is said to be good for half an hour has to end after half an hour, whatever becomes of the system clock meanwhile.
/// So this clock never goes back:
///
/// - where the system clock is set forward, this one follows at once: what is good for a time only ends sooner by that;
/// - where the system clock is set back by ten seconds at most, this one goes slower by one part in 200 until the two agree
///   again: a correction by a second is over after three minutes;
/// - where the system clock is set back further, this one goes on as if that had not been, and stays ahead until the system
///   clock has caught up or the process starts anew.
pub struct SteadyClock<M> {
    machine: M,
    last: Mutex<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    shown: OffsetDateTime,
    system: OffsetDateTime,
    elapsed: Duration,
}

/// The steady clock of this machine.
pub type SystemClock = SteadyClock<ThisMachine>;

impl SystemClock {
    /// Begins with what the system clock shows now.
    pub fn start() -> Self {
        Self::of(ThisMachine { beginning: Instant::now() })
    }
}

impl<M: Machine> SteadyClock<M> {
    /// Begins with what this machine's system clock shows now.
    pub fn of(machine: M) -> Self {
        let (system, elapsed) = (machine.system(), machine.elapsed());
        Self { machine, last: Mutex::new(Reading { shown: system, system, elapsed }) }
    }
}

impl<M: Machine> Clock for SteadyClock<M> {
    fn now(&self) -> OffsetDateTime {
        // A poisoned lock still holds a whole reading.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (system, elapsed) = (self.machine.system(), self.machine.elapsed());
        let passed = (elapsed - last.elapsed).max(Duration::ZERO);
        let expected = last.shown.saturating_add(passed);
        let lead = (expected - system).max(Duration::ZERO);
        let shown = if lead.is_zero() {
            system
        } else if lead <= WORKED_OFF {
            expected.saturating_sub(lead.min(passed / WORKED_OFF_PART))
        } else {
            expected
        };
        let step = system - last.system - passed;
        *last = Reading { shown, system, elapsed };
        drop(last);
        if step.abs() >= NOTABLE_STEP {
            tell(step, shown - system);
        }
        shown.truncate_to_microsecond()
    }
}

fn tell(step: Duration, lead: Duration) {
    let (step_seconds, lead_seconds) = (step.whole_seconds(), lead.whole_seconds());
    if lead >= NOTABLE_STEP {
        tracing::warn!(
            step_seconds,
            lead_seconds,
            "the system clock was set: the service keeps its own time, which is ahead; a restart takes over the system's"
        );
    } else {
        tracing::warn!(step_seconds, "the system clock was set: the service follows");
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
        // It takes 292 years until this is too much.
        Duration::try_from(self.beginning.elapsed()).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A machine whose two clocks are moved by hand.
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
    fn a_step_back_is_not_followed() {
        let (machine, clock) = clock();
        machine.pass(Duration::MINUTE);
        machine.step(-Duration::HOUR);
        assert_eq!(clock.now(), start() + Duration::MINUTE);
        machine.pass(30 * Duration::MINUTE);
        assert_eq!(clock.now(), start() + 31 * Duration::MINUTE);
        machine.step(Duration::HOUR);
        machine.pass(Duration::MINUTE);
        assert_eq!((clock.now(), clock.now()), (machine.system(), machine.system()));
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
    fn after_many_steps_it_has_neither_gone_back_nor_been_slow() {
        let (machine, clock) = clock();
        let (mut last, mut passed) = (clock.now(), Duration::ZERO);
        for minutes in [60, -60, -60, 60, 5, -5, -1_440, 1_440, -60, 60] {
            machine.step(Duration::minutes(minutes));
            let first = clock.now();
            assert!(first >= last, "it went back by {}", last - first);
            machine.pass(Duration::MINUTE);
            passed += Duration::MINUTE;
            last = clock.now();
            assert!(last - first >= Duration::MINUTE);
            assert!(last - start() >= passed);
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
