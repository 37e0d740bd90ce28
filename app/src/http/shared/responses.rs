//! Which answers an operation has: the success, and exactly the problems that can happen.

use std::marker::PhantomData;

use poem::http::HeaderValue;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};

use super::problem::{Kind, Problem, ProblemDocument};

/// A JSON body. The library's own says `charset=utf-8` with the media type, which JSON does not have (RFC 8259
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
        // Not `to_string`, which goes through the formatter for each piece.
        let body = serde_json::to_vec(&self.0.to_json()).unwrap_or_default();
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
pub(in crate::http) enum Created<T: ToJSON> {
    /// It is there now.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

/// 204: done, and nothing to tell.
#[derive(ApiResponse)]
pub(in crate::http) enum NoContent {
    /// Done.
    #[oai(status = 204)]
    NoContent,
}

/// The problems that an operation can have.
pub(in crate::http) trait Problems: Send + Sync + 'static {
    const PROBLEMS: &'static [&'static [&'static Kind]];

    fn all() -> impl Iterator<Item = &'static Kind> {
        Self::PROBLEMS.iter().copied().flatten().copied()
    }
}

/// Problems that come together, by the kind of operation.
pub(in crate::http) mod group {
    use crate::http::shared::problem::Kind;

    /// Every operation.
    pub(in crate::http) const ALWAYS: &[&Kind] =
        &[Kind::URI_TOO_LONG, Kind::INTERNAL_ERROR, Kind::OVERLOADED, Kind::UNAVAILABLE];
    /// An operation that needs an access token.
    pub(in crate::http) const TOKEN: &[&Kind] = &[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN];
    /// An operation that needs the access token of a superuser.
    pub(in crate::http) const SUPERUSER: &[&Kind] =
        &[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN, Kind::STEP_UP_REQUIRED, Kind::NOT_PERMITTED];
    /// An operation with a body.
    pub(in crate::http) const BODY: &[&Kind] =
        &[Kind::REQUEST_TIMEOUT, Kind::BODY_TOO_LARGE, Kind::UNSUPPORTED_MEDIA_TYPE];
    /// An operation with a JSON body, beside `BODY`. OAuth 2.0 reports the same of a form with its own error codes.
    pub(in crate::http) const JSON: &[&Kind] = &[Kind::MALFORMED_REQUEST, Kind::VALIDATION_FAILED];
}

/// Names sets of problems: the groups that an operation's parameters bring, and the problems of its own.
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
    /// Whoever asks: the service may be at its limit, or broken.
    Always = ALWAYS;
    /// Being at the limit is something that health has its own answer for.
    Health = [URI_TOO_LONG INTERNAL_ERROR];
    /// Behind a token, without a body.
    Authenticated = ALWAYS TOKEN [RATE_LIMITED];
}

/// A problem, in the place of an operation's success.
pub(in crate::http) struct Refused<S>(Problem, PhantomData<S>);

/// What an operation gives.
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

/// The documentation of problems, by status. Which of them a status stands for is a list of codes beside the reference,
/// which [`document`](super::document) makes examples of.
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

/// A response's documentation.
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

/// A body's documentation.
pub(in crate::http) fn media<P: Payload>() -> MetaMediaType {
    MetaMediaType { content_type: P::CONTENT_TYPE, schema: P::schema_ref() }
}

/// The media type of problems (RFC 9457 section 6.1).
pub(in crate::http) const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";
pub(in crate::http) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        401 => "The token or the credentials are missing or not valid; `WWW-Authenticate` says which.",
        403 => "The caller is known, but may not do this.",
        404 => "There is no such thing.",
        408 => "The request did not arrive in time.",
        409 => "It stands against what is there already.",
        413 => "The body is over 64 KiB.",
        414 => "The URI is over 8 KiB.",
        415 => "The body has another media type.",
        422 => "The request can be read, but is not valid; `errors` says where.",
        429 => "Too many requests; `Retry-After` says when the next is allowed.",
        503 => {
            "The service is at its limit or cannot reach its database; `Retry-After` says when to try again."
        }
        _ => "Something went wrong in the service.",
    }
}
