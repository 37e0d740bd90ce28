//! Errors in the format of OAuth 2.0.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type as _};
use poem_openapi::{Enum, Object};

use crate::http::shared::authentication::service_client::BASIC;
use crate::http::shared::limits::RefusedForm;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Problems, media, problem_responses, problems, response};

/// An error as OAuth 2.0 clients expect it (RFC 6749 section 5.2).
#[derive(Debug, Object)]
#[oai(rename = "OAuthError", example)]
pub(super) struct OAuthError {
    /// The error code.
    pub(super) error: OAuthErrorCode,
    /// A description of the error for developers.
    pub(super) error_description: String,
}

impl poem_openapi::types::Example for OAuthError {
    fn example() -> Self {
        Self::wrong_credentials()
    }
}

/// The error codes of RFC 6749 section 5.2 and RFC 7009 section 2.2.1 that this service returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum OAuthErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    UnsupportedTokenType,
}

impl OAuthError {
    pub(super) fn new(error: OAuthErrorCode, description: &str) -> Self {
        Self { error, error_description: description.to_owned() }
    }

    pub(super) fn invalid_request(description: &str) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, description)
    }

    pub(super) fn invalid_client() -> Self {
        Self::new(OAuthErrorCode::InvalidClient, "The client is unknown or revoked, or its secret is wrong.")
    }

    /// The password grant cannot ask for a second factor.
    pub(super) fn second_factor_required() -> Self {
        Self::new(
            OAuthErrorCode::InvalidGrant,
            "The account has a second factor, which this grant type cannot ask for. Log in with POST /auth/login.",
        )
    }

    pub(super) fn wrong_credentials() -> Self {
        Self::new(OAuthErrorCode::InvalidGrant, "The e-mail address or the password is wrong.")
    }
}

/// An endpoint that returns OAuth 2.0 errors and problems.
pub(super) trait OAuthEndpoint: Problems {
    /// The statuses of OAuth 2.0 errors.
    const OAUTH: &'static [u16];
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

/// The error response of an OAuth 2.0 endpoint: the standard's own error if the standard defines one, else a problem.
/// `S` lists the problems.
pub(super) struct OAuthRefused<S>(Refusal, PhantomData<S>);

enum Refusal {
    OAuth(OAuthError),
    Problem(Box<Problem>),
}

impl<S> From<OAuthError> for OAuthRefused<S> {
    fn from(error: OAuthError) -> Self {
        Self(Refusal::OAuth(error), PhantomData)
    }
}

impl<S: Problems> From<Problem> for OAuthRefused<S> {
    fn from(problem: Problem) -> Self {
        debug_assert!(S::all().any(|kind| kind == problem.kind), "undocumented: {problem:?}");
        Self(Refusal::Problem(Box::new(problem)), PhantomData)
    }
}

impl<S> From<OAuthRefused<S>> for poem::Error {
    fn from(refused: OAuthRefused<S>) -> Self {
        match refused.0 {
            Refusal::Problem(problem) => (*problem).into(),
            Refusal::OAuth(error) => {
                let body = error.to_json().unwrap_or_default().to_string();
                let is_client = error.error == OAuthErrorCode::InvalidClient;
                let status = if is_client { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
                let mut response: Response = (status, body).into_response();
                let headers = response.headers_mut();
                if is_client {
                    headers.insert(header::WWW_AUTHENTICATE, BASIC);
                }
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let mut refused = Self::from_response(response);
                // The form is checked before the credentials.
                if matches!(
                    error.error,
                    OAuthErrorCode::InvalidRequest | OAuthErrorCode::UnsupportedGrantType
                ) {
                    refused.set_data(RefusedForm);
                }
                refused
            }
        }
    }
}

impl<S: OAuthEndpoint> poem_openapi::ApiResponse for OAuthRefused<S> {
    fn meta() -> MetaResponses {
        let refused = |status: &u16| {
            response(
                *status,
                "The request is refused with an OAuth 2.0 error (RFC 6749 section 5.2).",
                Some(media::<OAuthPayload>()),
            )
        };
        let mut responses: Vec<_> = S::OAUTH.iter().map(refused).collect();
        responses.extend(problem_responses::<S>());
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        OAuthError::register(registry);
    }
}

struct OAuthPayload;

impl Payload for OAuthPayload {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        OAuthError::schema_ref()
    }
}

problems! {
    /// Errors for which the OAuth 2.0 standard has no code.
    AccessToken = ALWAYS BODY [RATE_LIMITED];
    Revoke = ALWAYS BODY [RATE_LIMITED];
    Introspect = ALWAYS SUPERUSER BODY [INVALID_CLIENT RATE_LIMITED];
}
