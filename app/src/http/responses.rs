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
pub(super) enum Created<T: ToJSON> {
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
pub(super) enum NoContent {
    /// Done.
    #[oai(status = 204)]
    NoContent,
}

/// The problems that an operation can have.
pub(super) trait Problems: Send + Sync + 'static {
    const PROBLEMS: &'static [&'static Kind];
}

/// Names sets of problems.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $($kind:ident)+;)+) => {
        $($(#[$doc])* pub(super) struct $name;
        impl Problems for $name {
            const PROBLEMS: &'static [&'static Kind] = &[$(Kind::$kind),+];
        })+
    };
}

problems! {
    /// Whoever asks: the service may be at its limit, or broken.
    Always = URI_TOO_LONG INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    /// Being at the limit is something that health has its own answer for.
    Health = URI_TOO_LONG INTERNAL_ERROR;
    Register = MALFORMED_REQUEST TIER_NOT_SELF_SERVICE REQUEST_TIMEOUT EMAIL_TAKEN BODY_TOO_LARGE URI_TOO_LONG
        UNSUPPORTED_MEDIA_TYPE VALIDATION_FAILED RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    Login = MALFORMED_REQUEST INVALID_CREDENTIALS REQUEST_TIMEOUT BODY_TOO_LARGE URI_TOO_LONG
        UNSUPPORTED_MEDIA_TYPE VALIDATION_FAILED RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    Refresh = MALFORMED_REQUEST INVALID_TOKEN REQUEST_TIMEOUT BODY_TOO_LARGE URI_TOO_LONG
        UNSUPPORTED_MEDIA_TYPE VALIDATION_FAILED RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    /// An OAuth 2.0 form: what the standard has no code for.
    AccessToken = REQUEST_TIMEOUT BODY_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE RATE_LIMITED INTERNAL_ERROR
        OVERLOADED UNAVAILABLE;
    OAuthForm = REQUEST_TIMEOUT BODY_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE RATE_LIMITED INTERNAL_ERROR
        OVERLOADED UNAVAILABLE;
    Introspect = MISSING_TOKEN INVALID_TOKEN INVALID_CLIENT STEP_UP_REQUIRED NOT_PERMITTED REQUEST_TIMEOUT
        BODY_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    /// Behind a token, without a body.
    Authenticated = MISSING_TOKEN INVALID_TOKEN URI_TOO_LONG RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    /// The same, with parameters in the query.
    ListMine = MISSING_TOKEN INVALID_TOKEN URI_TOO_LONG VALIDATION_FAILED RATE_LIMITED INTERNAL_ERROR OVERLOADED
        UNAVAILABLE;
    UpdateMe = MALFORMED_REQUEST MISSING_TOKEN INVALID_TOKEN STEP_UP_REQUIRED TIER_NOT_SELF_SERVICE
        REQUEST_TIMEOUT EMAIL_TAKEN BODY_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE VALIDATION_FAILED
        RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    ChangePassword = MALFORMED_REQUEST MISSING_TOKEN INVALID_TOKEN INVALID_CREDENTIALS STEP_UP_REQUIRED
        REQUEST_TIMEOUT BODY_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE VALIDATION_FAILED RATE_LIMITED
        INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    DeactivateMe = MISSING_TOKEN INVALID_TOKEN STEP_UP_REQUIRED LAST_SUPERUSER URI_TOO_LONG RATE_LIMITED
        INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    OneOfMine = MISSING_TOKEN INVALID_TOKEN NOT_FOUND URI_TOO_LONG VALIDATION_FAILED RATE_LIMITED INTERNAL_ERROR
        OVERLOADED UNAVAILABLE;
    AdminList = MISSING_TOKEN INVALID_TOKEN STEP_UP_REQUIRED NOT_PERMITTED URI_TOO_LONG VALIDATION_FAILED RATE_LIMITED
        INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    AdminOne = MISSING_TOKEN INVALID_TOKEN STEP_UP_REQUIRED NOT_PERMITTED NOT_FOUND URI_TOO_LONG VALIDATION_FAILED RATE_LIMITED
        INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    AdminUpdate = MALFORMED_REQUEST MISSING_TOKEN INVALID_TOKEN STEP_UP_REQUIRED NOT_PERMITTED NOT_FOUND REQUEST_TIMEOUT
        EMAIL_TAKEN LAST_SUPERUSER BODY_TOO_LARGE URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE VALIDATION_FAILED
        RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
    AdminDelete = MISSING_TOKEN INVALID_TOKEN STEP_UP_REQUIRED NOT_PERMITTED NOT_FOUND LAST_SUPERUSER URI_TOO_LONG
        VALIDATION_FAILED RATE_LIMITED INTERNAL_ERROR OVERLOADED UNAVAILABLE;
}

/// A problem, in the place of an operation's success.
pub(super) struct Refused<S>(Problem, PhantomData<S>);

/// What an operation gives.
pub(super) type Answer<T, S> = Result<T, Refused<S>>;

impl<S: Problems, P: Into<Problem>> From<P> for Refused<S> {
    fn from(problem: P) -> Self {
        let problem = problem.into();
        debug_assert!(S::PROBLEMS.contains(&problem.kind), "undocumented: {problem:?}");
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
        MetaResponses { responses: problem_responses(S::PROBLEMS) }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

/// The documentation of problems, by status. Which of them a status stands for is a list of codes beside the reference,
/// which [`document`](super::document) makes examples of.
pub(super) fn problem_responses(problems: &[&Kind]) -> Vec<MetaResponse> {
    let mut statuses: Vec<u16> = problems.iter().map(|kind| kind.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let of_status = |status: u16| {
        let codes = problems.iter().filter(|kind| kind.status == status).map(|kind| kind.code.into());
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

/// The media type of problems (RFC 9457 section 6.1).
pub(super) const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";
pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);

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
