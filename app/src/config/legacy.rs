use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::source::Source;

/// Who needs more time to move in than this sets the time again: what is forgotten is off by then.
const MAX_AHEAD: Duration = Duration::days(90);

/// Until when access tokens of the service before this one are accepted. A time that is over accepts none.
pub(super) fn until(source: &mut Source, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let until = source.parse("LEGACY_TOKENS_UNTIL", |text| OffsetDateTime::parse(text, &Rfc3339).ok())?;
    if until > now + MAX_AHEAD {
        source.refuse("LEGACY_TOKENS_UNTIL", "is more than 90 days ahead");
    }
    Some(until)
}
