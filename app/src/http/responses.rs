//! Which answers an operation has: the success, and exactly the problems that can happen.

use std::marker::PhantomData;

use poem::http::HeaderValue;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};

use super::problem::{Problem, ProblemDocument};

/// A JSON body. The library's own says `charset=utf-8` with the media type, which JSON does not have (RFC 8259
/// section 11) and client generators do not recognise.
pub(super) struct Json<T>(pub(super) T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let body = self.0.to_json().unwrap_or_default().to_string();
        Response::builder().content_type(Self::CONTENT_TYPE).body(body)
    }
}

/// 200 with a body.
impl<T: ToJSON> poem_openapi::ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![response(200, "Done.", Some(media::<Self>()))] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 201: something new is there.
#[derive(ApiResponse)]
pub(super) enum Created<T: ToJSON> {
    /// It is there now.
    #[oai(status = 201)]
    Created(Json<T>, #[oai(header = "Location")] String),
}

/// 204: done, and nothing to tell.
#[derive(ApiResponse)]
pub(super) enum NoContent {
    /// Done.
    #[oai(status = 204)]
    NoContent,
}

/// The statuses of the problems that an operation can have.
pub(super) trait Statuses: Send + Sync + 'static {
    const STATUSES: &'static [u16];
}

/// Names sets of statuses.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $($status:literal)+;)+) => {
        $($(#[$doc])* pub(super) struct $name;
        impl Statuses for $name {
            const STATUSES: &'static [u16] = &[$($status),+];
        })+
    };
}

statuses! {
    /// Whoever asks: the service may be at its limit, or broken.
    Always = 500 503;
    Register = 400 403 408 409 413 415 422 429 500 503;
    Login = 400 401 408 413 415 422 429 500 503;
    Refresh = 400 401 408 413 415 422 429 500 503;
    /// An OAuth 2.0 form: what the standard has no code for.
    AccessToken = 408 413 415 429 500 503;
    OAuthForm = 408 413 415 429 500 503;
    Introspect = 401 403 408 413 415 429 500 503;
    /// Behind a token, without a body.
    Authenticated = 401 429 500 503;
    UpdateMe = 400 401 403 408 409 413 415 422 429 500 503;
    ChangePassword = 400 401 408 413 415 422 429 500 503;
    DeactivateMe = 401 409 429 500 503;
    OneOfMine = 401 404 422 429 500 503;
    AdminList = 401 403 422 429 500 503;
    AdminOne = 401 403 404 422 429 500 503;
    AdminUpdate = 400 401 403 404 408 409 413 415 422 429 500 503;
    AdminDelete = 401 403 404 409 422 429 500 503;
}

/// A problem, in the place of an operation's success.
pub(super) struct Refused<S>(Problem, PhantomData<S>);

/// What an operation gives.
pub(super) type Answer<T, S> = Result<T, Refused<S>>;

impl<S: Statuses, P: Into<Problem>> From<P> for Refused<S> {
    fn from(problem: P) -> Self {
        let problem = problem.into();
        debug_assert!(S::STATUSES.contains(&problem.kind.status), "undocumented status: {problem:?}");
        Self(problem, PhantomData)
    }
}

impl<S: Statuses> From<Refused<S>> for poem::Error {
    fn from(refused: Refused<S>) -> Self {
        refused.0.into()
    }
}

impl<S: Statuses> poem_openapi::ApiResponse for Refused<S> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: S::STATUSES.iter().map(|status| problem_response(*status)).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

/// A problem's documentation.
pub(super) fn problem_response(status: u16) -> MetaResponse {
    response(status, meaning(status), Some(media::<ProblemPayload>()))
}

/// A response's documentation.
pub(super) fn response(
    status: u16,
    description: &'static str,
    content: Option<MetaMediaType>,
) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: content.into_iter().collect(),
        headers: Vec::new(),
    }
}

/// A body's documentation.
pub(super) fn media<P: Payload>() -> MetaMediaType {
    MetaMediaType { content_type: P::CONTENT_TYPE, schema: P::schema_ref() }
}

pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

struct ProblemPayload;

impl Payload for ProblemPayload {
    const CONTENT_TYPE: &'static str = "application/problem+json";

    fn schema_ref() -> MetaSchemaRef {
        ProblemDocument::schema_ref()
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        401 => "The token or the credentials are missing or not valid; `WWW-Authenticate` says which.",
        403 => "The caller is known, but may not do this.",
        404 => "There is no such thing.",
        408 => "The request did not arrive in time.",
        409 => "It stands against what is there already.",
        413 => "The body is over 64 KiB.",
        415 => "The body has another media type.",
        422 => "The request can be read, but is not valid; `errors` says where.",
        429 => "Too many requests; `Retry-After` says when the next is allowed.",
        503 => {
            "The service is at its limit or cannot reach its database; `Retry-After` says when to try again."
        }
        _ => "Something went wrong in the service.",
    }
}
