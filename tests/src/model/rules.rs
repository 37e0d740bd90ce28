//! The lifetimes that apply to the model and to the service under test.

use inwren_domain::Settings;
use time::Duration;

use crate::fakes;

/// How long the service accepts the previous refresh token if there is a grace period.
pub(super) const GRACE: Duration = Duration::seconds(10);
/// The lifetime of an access token.
pub(super) const ACCESS: Duration = Duration::minutes(10);
/// The lifetime of a refresh token.
pub(super) const REFRESH: Duration = Duration::HOUR;
/// The maximum lifetime of a session.
pub(super) const SESSION: Duration = Duration::minutes(100);

/// The settings of the service.
pub(super) fn settings(has_grace: bool) -> Settings {
    Settings {
        access_token_lifetime: ACCESS,
        refresh_token_lifetime: REFRESH,
        session_max_lifetime: SESSION,
        refresh_reuse_grace: if has_grace { GRACE } else { Duration::ZERO },
        // The age of an authentication does not matter here.
        reauthentication_max_age: Duration::ZERO,
        ..fakes::settings()
    }
}
