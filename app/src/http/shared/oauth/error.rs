//! Errors in the format of OAuth 2.0.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{Enum, Object};

use crate::http::shared::authentication::oauth_client::BASIC;
use crate::http::shared::limits::RefusedForm;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Problems, media, problem_responses, response};

/// An error of the token endpoint, as OAuth 2.0 clients expect it (RFC 6749 section 5.2).
#[derive(Debug, Object)]
#[oai(rename = "TokenError", example)]
pub(in crate::http) struct OAuthError {
    /// The error code.
    pub(in crate::http) error: OAuthErrorCode,
    /// A description of the error for developers.
    pub(in crate::http) error_description: String,
}

impl poem_openapi::types::Example for OAuthError {
    fn example() -> Self {
        Self::wrong_credentials()
    }
}

/// The error codes of RFC 6749 section 5.2, RFC 7009 section 2.2.1 and RFC 8707 section 2 that this service returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "TokenErrorCode", rename_all = "snake_case")]
pub(in crate::http) enum OAuthErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
}

/// An error as OAuth 2.0 clients expect it (RFC 6749 section 5.2). Describes the errors of the endpoints that are older
/// than applications: their clients know these codes only.
#[derive(Object)]
#[oai(rename = "OAuthError", example)]
struct FirstPartyError {
    /// The error code.
    error: FirstPartyErrorCode,
    /// A description of the error for developers.
    error_description: String,
}

impl poem_openapi::types::Example for FirstPartyError {
    fn example() -> Self {
        let OAuthError { error_description, .. } = OAuthError::wrong_credentials();
        Self { error: FirstPartyErrorCode::InvalidGrant, error_description }
    }
}

/// The error codes of RFC 6749 section 5.2 and RFC 7009 section 2.2.1 that this service returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "OAuthErrorCode", rename_all = "snake_case")]
enum FirstPartyErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    UnsupportedTokenType,
}

impl OAuthError {
    pub(in crate::http) fn new(error: OAuthErrorCode, description: &str) -> Self {
        Self { error, error_description: description.to_owned() }
    }

    pub(in crate::http) fn invalid_request(description: &str) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, description)
    }

    pub(in crate::http) fn invalid_client() -> Self {
        Self::new(
            OAuthErrorCode::InvalidClient,
            "The client is unknown or disabled, or its credentials are wrong or not of its method.",
        )
    }

    /// The password grant cannot ask for a second factor.
    pub(in crate::http) fn second_factor_required() -> Self {
        Self::new(
            OAuthErrorCode::InvalidGrant,
            "The account has a second factor, which this grant type cannot ask for. Log in with POST /auth/login.",
        )
    }

    pub(in crate::http) fn wrong_credentials() -> Self {
        Self::new(OAuthErrorCode::InvalidGrant, "The e-mail address or the password is wrong.")
    }

    pub(in crate::http) fn invalid_refresh_token() -> Self {
        Self::new(OAuthErrorCode::InvalidGrant, "The refresh token is invalid, expired or revoked.")
    }

    pub(in crate::http) fn unauthorized_client() -> Self {
        Self::new(OAuthErrorCode::UnauthorizedClient, "The client may not use this grant type.")
    }

    pub(in crate::http) fn invalid_scope() -> Self {
        Self::new(OAuthErrorCode::InvalidScope, "The scope is malformed, or exceeds what is granted.")
    }
}

/// An endpoint that returns OAuth 2.0 errors and problems.
pub(in crate::http) trait OAuthEndpoint: Problems {
    /// The statuses of OAuth 2.0 errors.
    const OAUTH: &'static [u16];
    /// Whether applications use it, whose errors have further codes.
    const IS_FOR_APPLICATIONS: bool = false;
}

/// An error of an OAuth 2.0 endpoint: the standard's own error if the standard defines one, else a problem.
pub(in crate::http) enum OAuthFailure {
    /// The standard's own error.
    OAuth(OAuthError),
    /// A problem.
    Problem(Box<Problem>),
}

impl From<OAuthError> for OAuthFailure {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<Problem> for OAuthFailure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// The error response of an OAuth 2.0 endpoint. `S` lists the problems.
pub(in crate::http) struct OAuthRefused<S>(OAuthFailure, PhantomData<S>);

impl<S> From<OAuthError> for OAuthRefused<S> {
    fn from(error: OAuthError) -> Self {
        Self(error.into(), PhantomData)
    }
}

impl<S: Problems> From<Problem> for OAuthRefused<S> {
    fn from(problem: Problem) -> Self {
        debug_assert!(S::all().any(|kind| kind == problem.kind), "undocumented: {problem:?}");
        Self(problem.into(), PhantomData)
    }
}

impl<S: Problems> From<OAuthFailure> for OAuthRefused<S> {
    fn from(failure: OAuthFailure) -> Self {
        match failure {
            OAuthFailure::OAuth(error) => error.into(),
            OAuthFailure::Problem(problem) => (*problem).into(),
        }
    }
}

impl<S> From<OAuthRefused<S>> for poem::Error {
    fn from(refused: OAuthRefused<S>) -> Self {
        match refused.0 {
            OAuthFailure::Problem(problem) => (*problem).into(),
            OAuthFailure::OAuth(error) => {
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
            let text = "The request is refused with an OAuth 2.0 error (RFC 6749 section 5.2).";
            let content = if S::IS_FOR_APPLICATIONS {
                media::<ErrorPayload<OAuthError>>()
            } else {
                media::<ErrorPayload<FirstPartyError>>()
            };
            response(*status, text, Some(content))
        };
        let mut responses: Vec<_> = S::OAUTH.iter().map(refused).collect();
        responses.extend(problem_responses::<S>());
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        if S::IS_FOR_APPLICATIONS {
            OAuthError::register(registry);
        } else {
            FirstPartyError::register(registry);
        }
    }
}

struct ErrorPayload<E>(PhantomData<E>);

impl<E: Type + Send> Payload for ErrorPayload<E> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        E::schema_ref()
    }
}
