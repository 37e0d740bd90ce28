//! Errors as OAuth 2.0 clients expect them.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{Enum, Object};

use crate::http::problem::Problem;
use crate::http::responses::{Statuses, media, problem_response, response};

/// An error as OAuth 2.0 clients expect it (RFC 6749 section 5.2).
#[derive(Debug, Object)]
#[oai(rename = "OAuthError")]
pub(super) struct OAuthError {
    /// What went wrong.
    pub(super) error: OAuthErrorCode,
    /// What went wrong, in words for a developer.
    pub(super) error_description: String,
}

/// The error codes of RFC 6749 section 5.2 that can happen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum OAuthErrorCode {
    InvalidRequest,
    InvalidGrant,
    UnsupportedGrantType,
}

impl OAuthError {
    pub(super) fn new(error: OAuthErrorCode, description: &str) -> Self {
        Self { error, error_description: description.to_owned() }
    }

    pub(super) fn invalid_request(description: &str) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, description)
    }

    pub(super) fn wrong_credentials() -> Self {
        Self::new(OAuthErrorCode::InvalidGrant, "The e-mail address or the password is wrong.")
    }
}

/// What an OAuth 2.0 endpoint refuses with: the standard's own errors for what it names, problems for the rest. `S` has
/// the statuses of the problems.
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

impl<S: Statuses> From<Problem> for OAuthRefused<S> {
    fn from(problem: Problem) -> Self {
        debug_assert!(S::STATUSES.contains(&problem.kind.status), "undocumented status: {problem:?}");
        Self(Refusal::Problem(Box::new(problem)), PhantomData)
    }
}

impl<S> From<OAuthRefused<S>> for poem::Error {
    fn from(refused: OAuthRefused<S>) -> Self {
        match refused.0 {
            Refusal::Problem(problem) => (*problem).into(),
            Refusal::OAuth(error) => {
                let body = error.to_json().unwrap_or_default().to_string();
                let mut response: Response = (StatusCode::BAD_REQUEST, body).into_response();
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Self::from_response(response)
            }
        }
    }
}

impl<S: Statuses> poem_openapi::ApiResponse for OAuthRefused<S> {
    fn meta() -> MetaResponses {
        let refused = response(400, "Refused, as RFC 6749 section 5.2 says.", Some(media::<OAuthPayload>()));
        let problems = S::STATUSES.iter().map(|status| problem_response(*status));
        MetaResponses { responses: std::iter::once(refused).chain(problems).collect() }
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
