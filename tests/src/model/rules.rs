//! The lifetimes that hold in the model and in the service that is held against it.

use inwren_domain::Settings;
use time::Duration;

use crate::fakes;

/// For how long the token before the live one is answered, where there is a grace.
pub(super) const GRACE: Duration = Duration::seconds(10);
/// How long an access token is good.
pub(super) const ACCESS: Duration = Duration::minutes(10);
/// How long a refresh token is good.
pub(super) const REFRESH: Duration = Duration::HOUR;
/// How long a session can be kept alive.
pub(super) const SESSION: Duration = Duration::minutes(100);

/// The service's settings.
pub(super) fn settings(has_grace: bool) -> Settings {
    Settings {
        access_token_lifetime: ACCESS,
        refresh_token_lifetime: REFRESH,
        session_max_lifetime: SESSION,
        refresh_reuse_grace: if has_grace { GRACE } else { Duration::ZERO },
        // How fresh an authentication is does not matter here.
        reauthentication_max_age: Duration::ZERO,
        ..fakes::settings()
    }
}
