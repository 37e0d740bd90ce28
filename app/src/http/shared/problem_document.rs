//! The error of the OpenAPI document.

use poem_openapi::Object;

use super::passkeys::RequestOptionsDto;
use super::problem::FieldError;

/// An error (RFC 9457), as `application/problem+json`.
#[derive(Object)]
#[oai(rename = "Problem")]
pub(super) struct ProblemDocument {
    /// The kind of problem: a stable URI, relative to the service.
    r#type: String,
    /// The last part of `type`. Later versions may add codes: handle an unknown code by its status.
    code: String,
    /// The title of the kind of problem.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A description of this occurrence.
    detail: String,
    /// Whether the same request may succeed later, unchanged.
    retryable: bool,
    /// Seconds to wait before the next attempt, as in the header `Retry-After`. Only with status 429 or 503.
    #[oai(skip_serializing_if_is_none)]
    retry_after: Option<u64>,
    /// The id of the request in the log of the service.
    request_id: String,
    /// The invalid parts of the request. Only with status 422.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldError>>,
    /// The challenge that the next request answers. Only with `second-factor-required`.
    #[oai(skip_serializing_if_is_none)]
    challenge: Option<String>,
    /// The methods that the user may choose from: `totp`, `recovery_code`, `passkey`. Only with
    /// `second-factor-required`.
    #[oai(skip_serializing_if_is_none)]
    methods: Option<Vec<String>>,
    /// How many seconds the challenge is valid. Only with `second-factor-required`.
    #[oai(skip_serializing_if_is_none)]
    expires_in: Option<u32>,
    /// The options for `navigator.credentials.get()`. Only with `second-factor-required`, if the user has a passkey.
    #[oai(rename = "publicKey", skip_serializing_if_is_none)]
    public_key: Option<RequestOptionsDto>,
    /// The number of further attempts. Only with `invalid-factor`, where attempts are counted.
    #[oai(skip_serializing_if_is_none)]
    attempts_left: Option<u16>,
    /// The maximum age of the login, in seconds. Only with `insufficient-user-authentication`.
    #[oai(skip_serializing_if_is_none)]
    max_age: Option<u32>,
    /// The least assurance level, as in `WWW-Authenticate`. Only with `insufficient-user-authentication`, for a user
    /// with a second factor.
    #[oai(skip_serializing_if_is_none)]
    acr_values: Option<String>,
}
