//! The timeouts of the service, and how to check them on a machine that is slow or stands still for a moment.

use std::time::Duration;

/// How long the service waits for a request's headers, for the next request, for a handshake and for a PROXY header.
pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it waits for the first bytes of a request's body, before it requires a minimum rate.
pub(crate) const BODY_GRACE: Duration = Duration::from_secs(10);
/// How long it waits for a complete request body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(25);
/// Delay that a busy machine may add to any time.
pub(crate) const SLACK: Duration = Duration::from_secs(15);

/// Measures until a figure is within the limit, three times at most: a machine that stands still for a moment spoils
/// one measurement, and a service that is too slow spoils all.
#[track_caller]
pub(crate) fn one_of_three_within(limit: Duration, what: &str, mut measure: impl FnMut() -> Duration) {
    let mut figures = Vec::new();
    while figures.len() < 3 {
        let figure = measure();
        println!("{what}: {figure:.1?}");
        figures.push(figure);
        if figure < limit {
            return;
        }
    }
    panic!("{what}: {figures:.1?}, and never within {limit:?}");
}
