use time::{Duration, OffsetDateTime};

use super::{AuditEvent, AuditEventKind, Subject};

/// Selects the events of a listing; `None` matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only events about this user or client.
    pub subject: Option<Subject>,
    /// Only events of this kind.
    pub kind: Option<AuditEventKind>,
    /// Only events that occurred in this period.
    pub period: Period,
}

impl AuditFilter {
    /// Whether the filter matches this event.
    pub fn matches(&self, event: &AuditEvent) -> bool {
        self.subject.is_none_or(|subject| event.subject == subject)
            && self.kind.is_none_or(|kind| event.kind == kind)
            && self.period.contains(event.occurred_at)
    }
}

/// A half-open interval: it includes its start and excludes its end. By default it has neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
}

/// A period does not start before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`since` must be before `until`")]
pub struct EmptyPeriod;

impl Period {
    /// Creates the period from `since`, inclusive, to `until`, exclusive. Events have whole microseconds, so it rounds
    /// both up to the next one, which selects the same events.
    pub fn new(since: Option<OffsetDateTime>, until: Option<OffsetDateTime>) -> Result<Self, EmptyPeriod> {
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Err(EmptyPeriod);
        }
        Ok(Self { since: since.map(round_up), until: until.map(round_up) })
    }

    /// The first moment of the period.
    pub fn since(&self) -> Option<OffsetDateTime> {
        self.since
    }

    /// The first moment after the period.
    pub fn until(&self) -> Option<OffsetDateTime> {
        self.until
    }

    /// Whether the period contains this moment.
    pub fn contains(&self, at: OffsetDateTime) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Rounds up to whole microseconds.
fn round_up(time: OffsetDateTime) -> OffsetDateTime {
    let past = time.nanosecond() % 1_000;
    let missing = if past == 0 { 0 } else { 1_000 - past };
    time.saturating_add(Duration::nanoseconds(missing.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_includes_its_start_only() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let end = start + Duration::DAY;
        let tick = Duration::MICROSECOND;
        let day = Period::new(Some(start), Some(end)).unwrap();
        assert!(day.contains(start) && day.contains(end - tick));
        assert!(!day.contains(start - tick) && !day.contains(end));
        let open = Period::default();
        assert!(open.contains(start) && open.contains(end));
    }

    #[test]
    fn fractions_of_microseconds_are_rounded_up() {
        let event = OffsetDateTime::UNIX_EPOCH;
        let past = event + Duration::NANOSECOND;
        let next = event + Duration::MICROSECOND;
        let period = Period::new(Some(past), Some(past + Duration::MICROSECOND)).unwrap();
        assert!(!period.contains(event) && period.contains(next));
        assert_eq!((period.since(), period.until()), (Some(next), Some(next + Duration::MICROSECOND)));
    }

    #[test]
    fn an_empty_period_is_refused() {
        let start = OffsetDateTime::UNIX_EPOCH;
        for until in [start, start - Duration::MICROSECOND] {
            assert_eq!(Period::new(Some(start), Some(until)), Err(EmptyPeriod));
        }
        assert!(Period::new(Some(start), Some(start + Duration::MICROSECOND)).is_ok());
    }
}
