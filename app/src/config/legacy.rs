use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::source::Source;

/// The longest time ahead. Operators who need longer set the time again, so that a forgotten setting expires.
const MAX_AHEAD: Duration = Duration::days(90);

/// Until when to accept access tokens of the legacy service. A time in the past accepts none.
pub(super) fn until(source: &mut Source, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let until = source.parse("LEGACY_TOKENS_UNTIL", |text| OffsetDateTime::parse(text, &Rfc3339).ok())?;
    if until > now + MAX_AHEAD {
        source.refuse("LEGACY_TOKENS_UNTIL", "must be at most 90 days ahead");
    }
    Some(until)
}
