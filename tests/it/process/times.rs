//! The service's own times, and how to hold it to them on a machine that is slow, or stands still for a moment.

use std::time::Duration;

/// How long the service waits for a request's headers, for the next request, for a handshake and for a PROXY header.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it waits for a request's body.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(25);
/// What a machine that does several things at once may add to any time.
pub(super) const SLACK: Duration = Duration::from_secs(15);
