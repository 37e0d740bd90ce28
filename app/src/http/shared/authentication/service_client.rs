//! Service client authentication: HTTP Basic with client id and secret (RFC 6749 section 2.3.1; RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_domain::Failure;
use inwren_domain::client::ServiceClient;
use inwren_domain::client::client_credentials::{self, Credentials, NotAuthenticated};
use inwren_domain::kernel::PlainToken;
use poem::Request;
use poem::http::{HeaderValue, header};
use zeroize::Zeroizing;

use super::authorization;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::state::AppState;
use crate::observability::metrics::ClientResult;

/// The challenge for service clients.
pub(in crate::http) const BASIC: HeaderValue = HeaderValue::from_static(r#"Basic realm="inwren""#);

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
        Some(Credentials { id: form_decoded(id)?, secret: PlainToken::new(form_decoded(secret)?) })
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

/// Authenticates the service client, or refuses it.
pub(in crate::http) async fn authenticate(
    state: &AppState,
    credentials: Option<&Credentials>,
) -> Result<ServiceClient, Problem> {
    let clients = &state.metrics.outcomes.clients;
    let Some(credentials) = credentials else {
        clients.count(ClientResult::Refused);
        return Err(invalid_client());
    };
    let result = client_credentials::authenticate(&state.core, credentials).await;
    clients.count((&result).into());
    result.map_err(|failure| match failure {
        Failure::Refused(NotAuthenticated) => {
            tracing::info!("service client refused");
            invalid_client()
        }
        Failure::Port(failure) => failure.into(),
    })
}

/// The same problem for all refused service clients.
fn invalid_client() -> Problem {
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
}
