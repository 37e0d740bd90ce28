use std::fmt::Display;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri, header};
use inwren_domain::outbound::OutboundError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a form encodes (WHATWG URL section 5.2).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The parts of a URL that a request needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether the scheme is `https`.
    pub(super) is_encrypted: bool,
    /// The host, an IPv6 address without brackets.
    pub(super) host: String,
    /// The port, or that of the scheme.
    pub(super) port: u16,
    /// The `Host` header.
    authority: String,
    /// The path and the query.
    path: String,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, OutboundError> {
        let invalid = |problem: &str| OutboundError(format!("the URL {problem}"));
        let uri: Uri = url.parse().map_err(|_| invalid("is malformed"))?;
        let (is_encrypted, default_port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(invalid("is neither https nor http")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("has a user name or password"));
        }
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if bare.is_empty() {
            return Err(invalid("has no host"));
        }
        let after_host = authority.as_str().strip_prefix(host);
        let port = after_host.and_then(|text| port(text, default_port));
        Ok(Self {
            is_encrypted,
            host: bare.to_owned(),
            port: port.ok_or_else(|| invalid("has an invalid port"))?,
            authority: authority.as_str().trim_end_matches(':').to_owned(),
            path: uri
                .query()
                .map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path())),
        })
    }

    /// The request that sends these fields.
    pub(super) fn request(&self, fields: &[(&str, &str)]) -> Result<Request<Full<Bytes>>, OutboundError> {
        Request::post(self.path.as_str())
            .header(header::HOST, self.authority.as_str())
            .header(header::USER_AGENT, "Inwren-Auth")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(form(fields))))
            .map_err(|_| OutboundError("the URL is malformed".to_owned()))
    }

    /// A failure with its reason. It names the host, but not its addresses.
    pub(super) fn failure(&self, reason: impl Display) -> OutboundError {
        OutboundError(format!("{}: {reason}", self.host))
    }
}

/// The port that follows the host.
fn port(after_host: &str, default: u16) -> Option<u16> {
    if ["", ":"].contains(&after_host) {
        return Some(default);
    }
    // `parse` alone would accept a sign.
    let digits = after_host.strip_prefix(':').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits?.parse().ok()
}

/// The fields as `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| {
        format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED))
    };
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split() {
        let parsed = |url: &str| {
            let target = Target::parse(url).unwrap();
            (target.is_encrypted, target.host, target.port, target.authority, target.path)
        };
        let parts = |encrypted, host: &str, port, authority: &str, path: &str| {
            (encrypted, host.to_owned(), port, authority.to_owned(), path.to_owned())
        };
        for (url, expected) in [
            ("https://a.example", parts(true, "a.example", 443, "a.example", "/")),
            ("https://a.example:/out", parts(true, "a.example", 443, "a.example", "/out")),
            ("https://a.example:8443/o?a=b", parts(true, "a.example", 8443, "a.example:8443", "/o?a=b")),
            ("https://a.example?a=b", parts(true, "a.example", 443, "a.example", "/?a=b")),
            ("http://127.0.0.1:80/", parts(false, "127.0.0.1", 80, "127.0.0.1:80", "/")),
            ("http://[::1]/x", parts(false, "::1", 80, "[::1]", "/x")),
            ("https://[::1]:9/x", parts(true, "::1", 9, "[::1]:9", "/x")),
        ] {
            assert_eq!(parsed(url), expected, "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "/logout",
            "a.example",
            "ftp://a.example/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "https://",
            "https:///logout",
            "https://:443/",
            "https://ann@a.example/",
            "https://ann:secret@a.example/",
            "https://a.example:65536/",
            "https://a.example:+80/",
            "https://a.example:80:80/",
            "https://a.example:http/",
            "https://a.example/a b",
            "https://a.example/\r\nx: y",
        ] {
            let refused = Target::parse(url);
            assert!(
                refused.as_ref().is_err_and(|error| error.0.starts_with("the URL ")),
                "{url}: {refused:?}"
            );
        }
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form(&[]), "");
        assert_eq!(form(&[("logout_token", "eyJ.a-b_c.d")]), "logout_token=eyJ.a-b_c.d");
        assert_eq!(form(&[("a", "1 & 2"), ("ä", "+=\r\n~")]), "a=1%20%26%202&%C3%A4=%2B%3D%0D%0A%7E");
    }
}
