//! Client authentication: HTTP Basic or the form with id and secret, a signed assertion, or the id alone (RFC 6749
//! section 2.3.1; RFC 7523 section 2.2; RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_domain::Failure;
use inwren_domain::client::Client;
use inwren_domain::client::authenticate::{self, Credentials, NotAuthenticated};
use inwren_domain::kernel::PlainToken;
use poem::Request;
use poem::http::{HeaderValue, header};
use zeroize::Zeroizing;

use super::authorization;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::state::AppState;
use crate::observability::metrics::ClientResult;

/// The challenge for clients.
pub(in crate::http) const BASIC: HeaderValue = HeaderValue::from_static(r#"Basic realm="inwren""#);

/// The only type of assertions (RFC 7523 section 2.2).
pub(in crate::http) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The parameters of a form that authenticate its client.
#[derive(Default)]
pub(in crate::http) struct ClientFields {
    /// `client_id`.
    pub(in crate::http) id: Option<String>,
    /// `client_secret`.
    pub(in crate::http) secret: Option<PlainToken>,
    /// `client_assertion`.
    pub(in crate::http) assertion: Option<PlainToken>,
    /// `client_assertion_type`.
    pub(in crate::http) assertion_type: Option<String>,
}

impl ClientFields {
    /// Returns whether the form has none of them.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.id.is_none() && self.secret.is_none() && self.assertion.is_none()
    }
}

/// Why a request has no credentials of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum NoCredentials {
    /// It has none, or malformed ones.
    Missing,
    /// It uses more than one method (RFC 6749 section 2.3).
    Several,
}

/// Returns the credentials of the request and its form.
pub(in crate::http) fn credentials(
    request: &Request,
    fields: ClientFields,
) -> Result<Credentials, NoCredentials> {
    let ClientFields { id, secret, assertion, assertion_type } = fields;
    let basic = basic_credentials(request);
    let methods = [basic.is_some(), secret.is_some(), assertion.is_some()];
    if methods.into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err(NoCredentials::Several);
    }
    let found = match (basic, secret, assertion, id) {
        (Some(basic), _, _, id) => basic.filter(|basic| id.is_none_or(|id| is_of(basic, &id))),
        (None, Some(secret), _, Some(id)) => Some(Credentials::Post { id, secret }),
        (None, None, Some(assertion), id) if assertion_type.as_deref() == Some(JWT_BEARER) => {
            Some(Credentials::Assertion { id, assertion })
        }
        (None, None, None, Some(id)) => Some(Credentials::Public { id }),
        (None, ..) => None,
    };
    found.ok_or(NoCredentials::Missing)
}

fn is_of(basic: &Credentials, form_id: &str) -> bool {
    matches!(basic, Credentials::Basic { id, .. } if id == form_id)
}

/// Reads the `Authorization` header, if its scheme is `Basic`. Clients form-encode id and secret before they join them
/// with a colon (RFC 6749 section 2.3.1). The inner `None` is an invalid header.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(in crate::http) fn basic_credentials(request: &Request) -> Option<Option<Credentials>> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (scheme, encoded) = authorization::split(values.next()?)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    if values.next().is_some() {
        return Some(None);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().map(Zeroizing::new);
    let credentials = decoded.and_then(|bytes| {
        let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some(Credentials::Basic { id: form_decoded(id)?, secret: PlainToken::new(form_decoded(secret)?) })
    });
    Some(credentials)
}

/// Decodes a value in the encoding `application/x-www-form-urlencoded`. Returns `None` if a percent sign is not
/// followed by two hexadecimal digits, or if the bytes are not UTF-8. Common decoders accept both, which could make two
/// different secrets equal.
fn form_decoded(text: &str) -> Option<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            _ => byte,
        });
    }
    std::str::from_utf8(&bytes).ok().map(str::to_owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Authenticates the client, or refuses it.
pub(in crate::http) async fn authenticate(
    state: &AppState,
    credentials: Option<&Credentials>,
) -> Result<Client, Problem> {
    let clients = &state.metrics.outcomes.clients;
    let Some(credentials) = credentials else {
        clients.count(ClientResult::Refused);
        return Err(invalid_client());
    };
    let result = authenticate::execute(&state.core, credentials).await;
    clients.count((&result).into());
    result.map_err(|failure| match failure {
        Failure::Refused(NotAuthenticated) => {
            tracing::info!("client refused");
            invalid_client()
        }
        Failure::Port(failure) => failure.into(),
    })
}

/// The same problem for all refused clients.
pub(in crate::http) fn invalid_client() -> Problem {
    Problem::of(Kind::INVALID_CLIENT).header(header::WWW_AUTHENTICATE, BASIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_encoded_values_are_decoded() {
        for (encoded, decoded) in [
            ("", ""),
            ("a-b_c.d~e", "a-b_c.d~e"),
            ("a%2Db%5Fc%2ed%7Ee", "a-b_c.d~e"),
            ("a+b%20c%2B", "a b c+"),
            ("%3A%25%26%3D", ":%&="),
            ("%C3%BC\u{fc}", "\u{fc}\u{fc}"),
            ("%00", "\0"),
        ] {
            assert_eq!(form_decoded(encoded).as_deref(), Some(decoded), "{encoded}");
        }
    }

    #[test]
    fn malformed_encodings_are_refused() {
        for encoded in
            ["%", "a%", "%4", "%zz", "%2", "%%41", "%+1", "%-1", "%C3", "%FF", "%C3%28", "a%ED%A0%80"]
        {
            assert_eq!(form_decoded(encoded), None, "{encoded}");
        }
    }

    /// The method that the request uses, or why it uses none.
    fn method(authorization: Option<&str>, fields: [Option<&str>; 4]) -> Result<&'static str, NoCredentials> {
        let mut request = Request::builder();
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let [id, secret, assertion, assertion_type] = fields.map(|field| field.map(str::to_owned));
        let fields = ClientFields {
            id,
            secret: secret.map(PlainToken::new),
            assertion: assertion.map(PlainToken::new),
            assertion_type,
        };
        credentials(&request.finish(), fields).map(|credentials| match credentials {
            Credentials::Basic { .. } => "basic",
            Credentials::Post { .. } => "post",
            Credentials::Assertion { .. } => "assertion",
            Credentials::Public { .. } => "public",
        })
    }

    #[test]
    fn one_method_authenticates() {
        use NoCredentials::{Missing, Several};
        // The id is `a`, the secret `b`.
        let basic = Some("Basic YTpi");
        for (authorization, fields, expected) in [
            (basic, [None; 4], Ok("basic")),
            (basic, [Some("a"), None, None, None], Ok("basic")),
            (basic, [Some("c"), None, None, None], Err(Missing)),
            (basic, [Some("a"), Some("b"), None, None], Err(Several)),
            (basic, [None, None, Some("x"), Some(JWT_BEARER)], Err(Several)),
            (Some("Basic !"), [Some("a"), None, None, None], Err(Missing)),
            (None, [Some("a"), Some("b"), None, None], Ok("post")),
            (None, [None, Some("b"), None, None], Err(Missing)),
            (None, [None, None, Some("x"), Some(JWT_BEARER)], Ok("assertion")),
            (None, [Some("a"), None, Some("x"), Some(JWT_BEARER)], Ok("assertion")),
            (None, [Some("a"), None, Some("x"), Some("saml")], Err(Missing)),
            (None, [Some("a"), None, Some("x"), None], Err(Missing)),
            (None, [Some("a"), Some("b"), Some("x"), Some(JWT_BEARER)], Err(Several)),
            (None, [Some("a"), None, None, None], Ok("public")),
            (Some("Bearer x"), [Some("a"), None, None, None], Ok("public")),
            (None, [None; 4], Err(Missing)),
        ] {
            assert_eq!(method(authorization, fields), expected, "{authorization:?} {fields:?}");
        }
    }
}
