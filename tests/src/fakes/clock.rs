use std::sync::Mutex;

use inwren_domain::kernel::Clock;
use time::{Duration, OffsetDateTime, UtcOffset};

/// A clock that advances only when the test advances it.
#[derive(Debug)]
pub struct FakeClock(Mutex<OffsetDateTime>);

impl FakeClock {
    /// A clock that shows this time.
    pub fn at(time: OffsetDateTime) -> Self {
        Self(Mutex::new(tick(time)))
    }

    /// Sets the clock to this time, forward or back.
    pub fn set(&self, time: OffsetDateTime) {
        *self.0.lock().unwrap() = tick(time);
    }

    /// Advances the clock, or moves it back by a negative duration.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = tick(*now + by);
    }
}

/// Shows the fixtures' [now](crate::fixtures::now).
impl Default for FakeClock {
    fn default() -> Self {
        Self::at(crate::fixtures::now())
    }
}

impl Clock for FakeClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

fn tick(time: OffsetDateTime) -> OffsetDateTime {
    time.to_offset(UtcOffset::UTC).truncate_to_microsecond()
}
