//! Errors as clients see them (RFC 9457).

mod kind;

use std::fmt::Display;
use std::time::Duration;

use inwren_domain::credential::HasherError;
use inwren_domain::kernel::StoreError;
use inwren_domain::keyring::KeyringError;
use inwren_domain::{Failure, PortFailure};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use serde_json::{Map, Value, json};

pub use self::kind::Kind;

/// An error response before it is sent. The outermost middleware writes the body, because it knows the request id.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The kind of problem.
    pub kind: &'static Kind,
    /// What happened this time, as a text for developers.
    pub detail: String,
    /// The invalid parts of the request.
    pub errors: Vec<FieldError>,
    /// Seconds after which the request may succeed, for the header `Retry-After` and the field `retry_after`.
    pub retry_after: Option<u64>,
    /// The other response headers of the problem.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Members of the kind of problem beside those of every problem (RFC 9457 section 3.2). Boxed, because few problems
    /// have some.
    pub members: Option<Box<Map<String, Value>>>,
    /// The cause, for the log and never for the client.
    pub cause: Option<Box<str>>,
}

/// An invalid part of the request.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(example)]
pub struct FieldError {
    /// A JSON Pointer (RFC 6901) into the body, or `/query/…` or `/path/…` with the name of the parameter.
    pub pointer: String,
    /// What is wrong with this part.
    pub detail: String,
}

impl FieldError {
    /// Creates the error of the part at `pointer`. Messages of the domain start in lower case; this one starts a
    /// sentence.
    pub(in crate::http) fn new(pointer: String, detail: impl Display) -> Self {
        let mut detail = detail.to_string();
        if let Some(first) = detail.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self { pointer, detail }
    }
}

impl poem_openapi::types::Example for FieldError {
    fn example() -> Self {
        Self {
            pointer: "/password".to_owned(),
            detail: "The password must have at least 8 characters".to_owned(),
        }
    }
}

impl Problem {
    /// Creates a problem with the default detail of its kind.
    pub fn of(kind: &'static Kind) -> Self {
        Self::new(kind, kind.detail)
    }

    /// Creates a problem with a specific detail.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            headers: Vec::new(),
            members: None,
            cause: None,
        }
    }

    /// Creates the problem of a request with invalid parts.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}.", only.detail),
            more => format!("{} parts of the request are invalid: see `errors`.", more.len()),
        };
        Self { errors, ..Self::new(Kind::VALIDATION_FAILED, detail) }
    }

    /// Creates the problem of a request with one invalid part.
    pub fn invalid(pointer: &str, detail: impl Display) -> Self {
        Self::validation(vec![FieldError::new(pointer.to_owned(), detail)])
    }

    /// Creates an internal error. Only the operator learns its cause, from the log.
    pub fn internal(cause: impl ToString) -> Self {
        Self { cause: Some(cause.to_string().into()), ..Self::of(Kind::INTERNAL_ERROR) }
    }

    /// Creates the problem of a service that has reached a limit.
    pub fn overloaded(retry_after: Duration, cause: impl ToString) -> Self {
        Self { cause: Some(cause.to_string().into()), ..Self::of(Kind::OVERLOADED) }.retry_after(retry_after)
    }

    /// Creates the problem of a dependency that does not respond.
    pub fn unavailable(cause: impl ToString) -> Self {
        Self { cause: Some(cause.to_string().into()), ..Self::of(Kind::UNAVAILABLE) }
            .retry_after(Duration::from_secs(2))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a member of the kind of problem.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// Adds `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        let seconds = after.as_millis().div_ceil(1_000).max(1);
        Self { retry_after: Some(u64::try_from(seconds).unwrap_or(u64::MAX)), ..self }
    }

    /// Returns the response body.
    pub(in crate::http) fn to_json(&self, request_id: &str) -> serde_json::Value {
        let Kind { code, status, title, retryable, .. } = self.kind;
        let mut document = json!({
            "type": format!("/problems/{code}"),
            "code": code,
            "title": title,
            "status": status,
            "detail": self.detail,
            "retryable": retryable,
            "request_id": request_id,
        });
        if let Some(seconds) = self.retry_after {
            document["retry_after"] = seconds.into();
        }
        if !self.errors.is_empty() {
            let errors: Vec<_> =
                self.errors.iter().map(|e| json!({ "pointer": e.pointer, "detail": e.detail })).collect();
            document["errors"] = errors.into();
        }
        for (name, value) in self.members.as_deref().into_iter().flatten() {
            document[name] = value.clone();
        }
        document
    }
}

/// Converts a number to a header value.
pub(in crate::http) fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            .finish();
        let headers = response.headers_mut();
        headers.extend(self.headers.iter().cloned());
        headers.extend(self.retry_after.map(|seconds| (header::RETRY_AFTER, number(seconds))));
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let mut error = Self::from_response(problem.clone().into_response());
        // The error replaces the extensions of its response with its own.
        error.set_data(problem);
        error
    }
}

impl From<PortFailure> for Problem {
    fn from(failure: PortFailure) -> Self {
        match failure {
            PortFailure::Store(store) => store.into(),
            PortFailure::Hasher(HasherError::Busy { retry_after }) => {
                Self::overloaded(retry_after, "the password hasher is at its limit")
            }
            PortFailure::Hasher(error) => Self::internal(error),
            PortFailure::Signing(error) => Self::internal(error),
            PortFailure::Entropy(error) => Self::internal(error),
            // Another instance may have created the key a moment ago.
            PortFailure::Keyring(error @ KeyringError::Unknown(_)) => Self::unavailable(error),
            PortFailure::Keyring(error @ KeyringError::Sealed(_)) => Self::internal(error),
            PortFailure::Keyring(KeyringError::Missing) => Self::of(Kind::SECRET_KEY_NOT_CONFIGURED),
            PortFailure::Clock(error) => Self::unavailable(error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(error),
            StoreError::Busy(_) => Self::overloaded(Duration::from_secs(1), error),
            StoreError::Inconsistent { .. } => Self::internal(error),
        }
    }
}

impl<R: Into<Problem>> From<Failure<R>> for Problem {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Port(failure) => failure.into(),
        }
    }
}
