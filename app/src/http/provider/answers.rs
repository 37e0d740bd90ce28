//! Maps the refusals of these operations to errors.

use inwren_domain::client::token;
use inwren_domain::provider::{consents, exchange, refresh};
use poem::http::{HeaderValue, header};

use crate::http::shared::oauth::{OAuthEndpoint, OAuthError, OAuthErrorCode};
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{invalid_token, not_found};
use crate::http::shared::responses::problems;

problems! {
    /// Errors for which the OAuth 2.0 standard has no code.
    Token = ALWAYS BODY [RATE_LIMITED];
    UserInfo = ALWAYS [MISSING_TOKEN INVALID_TOKEN INSUFFICIENT_SCOPE RATE_LIMITED];
    PostUserInfo = ALWAYS BODY
        [MALFORMED_REQUEST MISSING_TOKEN INVALID_TOKEN INSUFFICIENT_SCOPE RATE_LIMITED];
    RevokeGrant = ALWAYS TOKEN [NOT_FOUND RATE_LIMITED];
}

impl OAuthEndpoint for self::Token {
    const OAUTH: &'static [u16] = &[400, 401];
    const IS_FOR_APPLICATIONS: bool = true;
}

/// Maps why a code is not exchanged. The application does not learn what is wrong with a code.
pub(super) fn not_exchanged(refusal: exchange::Refusal) -> OAuthError {
    match refusal {
        exchange::Refusal::UnauthorizedClient => OAuthError::unauthorized_client(),
        exchange::Refusal::InvalidTarget => other_resource(),
        exchange::Refusal::Unknown
        | exchange::Refusal::Mismatch
        | exchange::Refusal::Expired
        | exchange::Refusal::Reused
        | exchange::Refusal::NoLongerPermitted => OAuthError::new(
            OAuthErrorCode::InvalidGrant,
            "The code is invalid, expired or used, or of another client, redirect_uri or code_verifier.",
        ),
    }
}

/// Maps why a refresh token is not exchanged.
pub(super) fn not_refreshed(refusal: &refresh::Refusal) -> OAuthError {
    match refusal {
        refresh::Refusal::UnauthorizedClient => OAuthError::unauthorized_client(),
        refresh::Refusal::InvalidScope => OAuthError::invalid_scope(),
        refresh::Refusal::InvalidTarget => other_resource(),
        refresh::Refusal::Foreign | refresh::Refusal::NoLongerPermitted | refresh::Refusal::Session(_) => {
            OAuthError::invalid_refresh_token()
        }
    }
}

/// Maps why a client gets no token for itself.
pub(super) fn not_issued(refusal: token::Refusal) -> OAuthError {
    match refusal {
        token::Refusal::UnauthorizedClient => OAuthError::unauthorized_client(),
        token::Refusal::InvalidScope => OAuthError::invalid_scope(),
    }
}

fn other_resource() -> OAuthError {
    OAuthError::new(OAuthErrorCode::InvalidTarget, "The user granted access to another resource.")
}

/// The access token has no scope `openid`, or is for a resource server (RFC 6750 section 3.1).
pub(super) fn insufficient_scope() -> Problem {
    const CHALLENGE: &str = r#"Bearer error="insufficient_scope", scope="openid""#;
    let challenge = HeaderValue::from_static(CHALLENGE);
    Problem::of(Kind::INSUFFICIENT_SCOPE).header(header::WWW_AUTHENTICATE, challenge)
}

/// The form is malformed, or the request has more than one token (RFC 6750 section 3.1).
pub(super) fn malformed(detail: &str) -> Problem {
    const CHALLENGE: &str = r#"Bearer error="invalid_request""#;
    let challenge = HeaderValue::from_static(CHALLENGE);
    Problem::new(Kind::MALFORMED_REQUEST, detail).header(header::WWW_AUTHENTICATE, challenge)
}

impl From<consents::Refusal> for Problem {
    fn from(refusal: consents::Refusal) -> Self {
        match refusal {
            consents::Refusal::NotFound => no_grant(),
            consents::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}

/// The user has not allowed such an application.
pub(super) fn no_grant() -> Problem {
    not_found("grant")
}
