//! The responses of operations: the success, and exactly the problems that can occur.

use std::marker::PhantomData;

use poem::http::HeaderValue;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};

use super::problem::{Kind, Problem};
use super::problem_document::ProblemDocument;

/// A JSON body. The library's own type adds `charset=utf-8` to the media type, which JSON does not define (RFC 8259
/// section 11) and client generators do not recognise.
pub(in crate::http) struct Json<T>(pub(in crate::http) T);

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
        // Not `to_string`, which calls the formatter for each piece.
        let body = serde_json::to_vec(&self.0.to_json()).unwrap_or_default();
        Response::builder().content_type(Self::CONTENT_TYPE).body(body)
    }
}

/// Status 200 with a body.
impl<T: ToJSON> poem_openapi::ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![response(200, "The request succeeded.", Some(media::<Self>()))] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Status 201 with the new resource.
#[derive(ApiResponse)]
pub(in crate::http) enum Created<T: ToJSON> {
    /// The account is created.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// The path of the new resource.
        #[oai(header = "Location")]
        String,
    ),
}

/// Status 202 without a body.
#[derive(ApiResponse)]
pub(in crate::http) enum Accepted {
    /// The request is accepted. The response does not say whether anything follows.
    #[oai(status = 202)]
    Accepted,
}

/// Status 204 without a body.
#[derive(ApiResponse)]
pub(in crate::http) enum NoContent {
    /// The request succeeded.
    #[oai(status = 204)]
    NoContent,
}

/// The problems that an operation can return.
pub(in crate::http) trait Problems: Send + Sync + 'static {
    const PROBLEMS: &'static [&'static [&'static Kind]];

    fn all() -> impl Iterator<Item = &'static Kind> {
        Self::PROBLEMS.iter().copied().flatten().copied()
    }
}

/// Groups of problems by kind of operation.
pub(in crate::http) mod group {
    use crate::http::shared::problem::Kind;

    /// Problems of every operation.
    pub(in crate::http) const ALWAYS: &[&Kind] =
        &[Kind::URI_TOO_LONG, Kind::INTERNAL_ERROR, Kind::OVERLOADED, Kind::UNAVAILABLE];
    /// Problems of an operation that requires an access token.
    pub(in crate::http) const TOKEN: &[&Kind] =
        &[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN, Kind::FACTOR_ENROLLMENT_REQUIRED];
    /// Problems of an operation that requires an access token, and that a session may use which can only enrol a second
    /// factor.
    pub(in crate::http) const ENROLLING: &[&Kind] = &[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN];
    /// Problems of an operation that requires the access token of a superuser.
    pub(in crate::http) const SUPERUSER: &[&Kind] = &[
        Kind::MISSING_TOKEN,
        Kind::INVALID_TOKEN,
        Kind::STEP_UP_REQUIRED,
        Kind::NOT_PERMITTED,
        Kind::FACTOR_ENROLLMENT_REQUIRED,
    ];
    /// Problems of an operation with a body.
    pub(in crate::http) const BODY: &[&Kind] =
        &[Kind::REQUEST_TIMEOUT, Kind::BODY_TOO_LARGE, Kind::UNSUPPORTED_MEDIA_TYPE];
    /// Problems of an operation with a JSON body, in addition to `BODY`. OAuth 2.0 endpoints report the same errors of
    /// a form with OAuth 2.0 error codes.
    pub(in crate::http) const JSON: &[&Kind] = &[Kind::MALFORMED_REQUEST, Kind::VALIDATION_FAILED];
}

/// Declares sets of problems: the groups that the parameters of an operation bring, and the operation's own problems.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $($group:ident)* $([$($kind:ident)+])?;)+) => {
        $($(#[$doc])* pub(in crate::http) struct $name;

        impl $crate::http::shared::responses::Problems for $name {
            const PROBLEMS: &'static [&'static [&'static $crate::http::shared::problem::Kind]] = &[
                $($crate::http::shared::responses::group::$group,)*
                $(&[$($crate::http::shared::problem::Kind::$kind),+])?
            ];
        })+
    };
}
pub(in crate::http) use problems;

problems! {
    /// Problems that any client can get: the service may be at its limit, or fail.
    Always = ALWAYS;
    /// Problems of the health check, which has its own 503 response.
    Health = [URI_TOO_LONG INTERNAL_ERROR];
    /// Problems of an operation with a token and without a body.
    Authenticated = ALWAYS TOKEN [RATE_LIMITED];
    /// Problems of an operation without a body that a session may use which can only enrol a second factor.
    Enrolling = ALWAYS ENROLLING [RATE_LIMITED];
}

/// A problem as the response of an operation that did not succeed.
pub(in crate::http) struct Refused<S>(Problem, PhantomData<S>);

/// The result of an operation.
pub(in crate::http) type Answer<T, S> = Result<T, Refused<S>>;

impl<S: Problems, P: Into<Problem>> From<P> for Refused<S> {
    fn from(problem: P) -> Self {
        let problem = problem.into();
        debug_assert!(S::all().any(|kind| kind == problem.kind), "undocumented: {problem:?}");
        Self(problem, PhantomData)
    }
}

impl<S: Problems> From<Refused<S>> for poem::Error {
    fn from(refused: Refused<S>) -> Self {
        refused.0.into()
    }
}

impl<S: Problems> poem_openapi::ApiResponse for Refused<S> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: problem_responses::<S>() }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

/// Returns the documentation of problems, by status. A list of codes beside the schema reference says which problems a
/// status stands for. [`document`](super::document) makes examples of them.
pub(in crate::http) fn problem_responses<S: Problems>() -> Vec<MetaResponse> {
    let mut statuses: Vec<u16> = S::all().map(|kind| kind.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let of_status = |status: u16| {
        let codes = S::all().filter(|kind| kind.status == status).map(|kind| kind.code.into());
        let schema = MetaSchema {
            all_of: vec![ProblemDocument::schema_ref()],
            enum_items: codes.collect(),
            ..MetaSchema::ANY
        };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let content = MetaMediaType { content_type: PROBLEM_MEDIA_TYPE, schema };
        response(status, meaning(status), Some(content))
    };
    statuses.into_iter().map(of_status).collect()
}

/// Returns the documentation of a response.
pub(in crate::http) fn response(
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

/// Returns the documentation of a body.
pub(in crate::http) fn media<P: Payload>() -> MetaMediaType {
    MetaMediaType { content_type: P::CONTENT_TYPE, schema: P::schema_ref() }
}

/// The media type of problems (RFC 9457 section 6.1).
pub(in crate::http) const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";
pub(in crate::http) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed.",
        401 => "The token or the credentials are missing or invalid. `WWW-Authenticate` names the error.",
        403 => "The caller is authenticated but not allowed to do this.",
        404 => "The resource does not exist.",
        408 => "The request did not arrive in time.",
        409 => "The request conflicts with the current state.",
        410 => "The challenge is unknown, used or expired. Start again.",
        413 => "The body is larger than 64 KiB.",
        414 => "The URI is longer than 8 KiB.",
        415 => "The media type of the body is not supported.",
        422 => "The request is well-formed but invalid. `errors` lists the invalid parts.",
        429 => "Too many requests. Retry after the seconds in `Retry-After`.",
        501 => "The operator has not configured what the operation needs.",
        503 => {
            "The service is overloaded or cannot reach its database. Retry after the seconds in `Retry-After`."
        }
        _ => "The service failed.",
    }
}
