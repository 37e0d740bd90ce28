//! Validation of the `Host` header. HTTP/1.1 requires exactly one in every request (RFC 9112 section 3.2). If it is
//! ambiguous or missing, a proxy and the service may assume different hosts.

use std::net::Ipv6Addr;

use poem::Request;
use poem::http::{HeaderValue, Version, header};

use super::bad_head::BadHead;

/// Marks a request with an invalid `Host`, so that the pipeline answers it like any other bad request: with an id, and
/// a line in the log.
pub(super) fn check(request: &mut Request) {
    let mut values = request.headers().get_all(header::HOST).iter();
    let bad = match (values.next(), values.next()) {
        // HTTP/1.0 does not require `Host`.
        (None, _) if request.version() <= Version::HTTP_10 => None,
        (None, _) => Some(BadHead::HostMissing),
        (Some(_), Some(_)) => Some(BadHead::HostRepeated),
        (Some(value), None) if is_valid(value) => None,
        (Some(_), None) => Some(BadHead::HostInvalid),
    };
    if let Some(bad) = bad {
        request.extensions_mut().insert(bad);
    }
}

/// A host with an optional port (RFC 9110 section 7.2; RFC 3986 section 3.2.2). An empty host is for URIs without an
/// authority, but `http` URIs have one (RFC 9110 section 4.2.1).
fn is_valid(value: &HeaderValue) -> bool {
    let Ok(text) = std::str::from_utf8(value.as_bytes()) else { return false };
    if let Some(literal) = text.strip_prefix('[') {
        let Some((address, port)) = literal.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    match text.split_once(':') {
        Some((name, port)) => is_name(name) && is_port(port),
        None => is_name(text),
    }
}

/// `reg-name` of RFC 3986, which includes IPv4 addresses.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_fine = match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                hex() && hex()
            }
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    !text.is_empty()
}

/// A port. An empty one after the colon means the default port of the scheme.
fn is_port(text: &str) -> bool {
    text.is_empty() || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_valid(value: &[u8]) -> bool {
        super::is_valid(&HeaderValue::from_bytes(value).unwrap())
    }

    #[test]
    fn hosts_are_those_of_the_grammar() {
        for good in [
            "a",
            "localhost:8000",
            "auth.example.org",
            "auth.example.org.",
            "auth.example.org:",
            "my_service:443",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8000",
            "[::ffff:127.0.0.1]:",
            "xn--bcher-kva.example",
            "b%C3%BCcher.example",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for bad in [
            "",
            ":",
            ":80",
            "a b",
            "a:b",
            "a:-1",
            "a:+1",
            "a:65536",
            "a:1:2",
            "a/b",
            "a?b",
            "a#b",
            "user@a",
            "http://a",
            "[::1",
            "::1",
            "[::1]8",
            "[::1]x",
            "[]",
            "[x]",
            "[127.0.0.1]",
            "a%",
            "a%4",
            "a%zz",
            "a\"",
            "<a>",
            "a\\b",
            "a|b",
            "a,b c",
            "bücher.example",
            "a\t",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        assert!(!is_valid(b"a\xff"));
    }
}
