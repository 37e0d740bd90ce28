//! The errors of these operations.

use crate::http::shared::oauth::OAuthEndpoint;
use crate::http::shared::responses::problems;

problems! {
    /// Errors for which the OAuth 2.0 standard has no code.
    AccessToken = ALWAYS BODY [RATE_LIMITED];
    Revoke = ALWAYS BODY [RATE_LIMITED];
    Introspect = ALWAYS SUPERUSER BODY [INVALID_CLIENT RATE_LIMITED];
}

impl OAuthEndpoint for self::AccessToken {
    const OAUTH: &'static [u16] = &[400, 401];
}

impl OAuthEndpoint for self::Revoke {
    const OAUTH: &'static [u16] = &[400];
}

impl OAuthEndpoint for self::Introspect {
    const OAUTH: &'static [u16] = &[400];
}
