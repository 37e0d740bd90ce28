use std::fmt;

/// A registered URI to which the service sends browsers: `https`, `http` on the loopback interface, or a private scheme
/// whose name has a dot (RFC 8252 section 7.1). It has no fragment, no user information and no wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri(String);

/// The text is not a valid redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// Not an absolute URI of printable ASCII characters, or too long.
    #[error("it is not an absolute URI of at most 1000 printable ASCII characters")]
    Malformed,
    /// It has a fragment.
    #[error("it has a fragment")]
    Fragment,
    /// It has a user name or password.
    #[error("it contains a user name or a password")]
    UserInformation,
    /// It has a wildcard.
    #[error("it contains a wildcard; register each URI")]
    Wildcard,
    /// It has a scheme that a web page or another application could answer.
    #[error("use https, http on a loopback address, or a private scheme with a dot such as com.example.app")]
    Scheme,
    /// Private schemes are for public clients.
    #[error("private schemes are for public clients")]
    PrivateScheme,
}

impl RedirectUri {
    /// Parses a URI. Only a public client may have a private scheme.
    pub fn parse(text: &str, is_public: bool) -> Result<Self, InvalidRedirectUri> {
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if text.len() > 1_000 || !text.bytes().all(is_allowed) {
            return Err(InvalidRedirectUri::Malformed);
        }
        if text.contains('#') {
            return Err(InvalidRedirectUri::Fragment);
        }
        if text.contains('*') {
            return Err(InvalidRedirectUri::Wildcard);
        }
        let (scheme, rest) = text.split_once(':').ok_or(InvalidRedirectUri::Malformed)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
        if !is_scheme {
            return Err(InvalidRedirectUri::Malformed);
        }
        match scheme {
            "https" | "http" => {
                let parts = parts(text).ok_or(InvalidRedirectUri::Malformed)?;
                if parts.authority.contains('@') {
                    return Err(InvalidRedirectUri::UserInformation);
                }
                if !is_host(parts.host) || !is_port(parts.port) {
                    return Err(InvalidRedirectUri::Malformed);
                }
                let is_loopback = is_loopback_literal(parts.host) || parts.host == "localhost";
                if scheme == "http" && !is_loopback {
                    Err(InvalidRedirectUri::Scheme)
                } else {
                    Ok(Self(text.to_owned()))
                }
            }
            _ if !scheme.contains('.') => Err(InvalidRedirectUri::Scheme),
            _ if !is_public => Err(InvalidRedirectUri::PrivateScheme),
            _ if !rest.starts_with('/') => Err(InvalidRedirectUri::Malformed),
            _ if rest.starts_with("//") && rest.contains('@') => Err(InvalidRedirectUri::UserInformation),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Parses a URI to which the service itself sends requests. It may use `http` for any host: the
    /// [port](crate::outbound::Outbound) for such requests decides which hosts it may reach.
    pub fn parse_for_requests(text: &str) -> Result<Self, InvalidRedirectUri> {
        match text.strip_prefix("http://") {
            Some(rest) => Self::parse(&format!("https://{rest}"), false).map(|_| Self(text.to_owned())),
            None if text.starts_with("https://") => Self::parse(text, false),
            None => Err(InvalidRedirectUri::Scheme),
        }
    }

    /// Wraps a URI from the store.
    pub fn from_stored(uri: String) -> Self {
        Self(uri)
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the presented URI: equal as strings (RFC 9700 section 2.1). The port of a loopback literal is
    /// free for a native application, which listens where the system lets it (RFC 8252 section 7.3).
    pub fn matches(&self, presented: &str, is_native: bool) -> bool {
        if self.0 == presented {
            return true;
        }
        let (Some(own), Some(other)) = (parts(&self.0), parts(presented)) else { return false };
        is_native
            && own.scheme == "http"
            && other.scheme == "http"
            && is_loopback_literal(own.host)
            && own.host == other.host
            && !other.authority.contains('@')
            && is_port(other.port)
            && own.rest == other.rest
    }

    /// The origin of a URI with a host (RFC 6454 section 6.2), as browsers send it.
    pub fn origin(&self) -> Option<String> {
        let parts = parts(&self.0)?;
        let is_default = matches!(
            (parts.scheme, parts.port),
            (_, None | Some("")) | ("http", Some("80")) | ("https", Some("443"))
        );
        let host = parts.host.to_ascii_lowercase();
        let port = parts.port.filter(|_| !is_default).map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{}://{host}{port}", parts.scheme))
    }

    /// What a content security policy must name so that a form may lead to this URI: the origin, or the scheme.
    pub fn policy_source(&self) -> String {
        let scheme = self.0.split(':').next().unwrap_or_default();
        self.origin().unwrap_or_else(|| format!("{scheme}:"))
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of an `http` or `https` URI.
struct Parts<'a> {
    scheme: &'a str,
    authority: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

fn parts(uri: &str) -> Option<Parts<'_>> {
    let (scheme, after) = uri.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let host_end = match authority.strip_prefix('[') {
        Some(literal) => literal.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
    Some(Parts { scheme, authority, host, port, rest })
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(literal) => literal.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    }
}

fn is_port(port: Option<&str>) -> bool {
    port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

fn is_loopback_literal(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_uris_are_refused() {
        for (text, expected) in [
            ("https://app.example", None),
            ("https://app.example/cb?a=b", None),
            ("https://app.example:8443/cb", None),
            ("http://127.0.0.1/cb", None),
            ("http://[::1]:8000/cb", None),
            ("http://localhost:3000/cb", None),
            ("com.example.app:/cb", None),
            ("https://app.example/cb#top", Some(InvalidRedirectUri::Fragment)),
            ("https://ann@app.example/cb", Some(InvalidRedirectUri::UserInformation)),
            ("https://ann:b@app.example/cb", Some(InvalidRedirectUri::UserInformation)),
            ("https://*.example/cb", Some(InvalidRedirectUri::Wildcard)),
            ("http://app.example/cb", Some(InvalidRedirectUri::Scheme)),
            ("http://127.0.0.1.example/cb", Some(InvalidRedirectUri::Scheme)),
            ("javascript:alert(1)", Some(InvalidRedirectUri::Scheme)),
            ("data:text/html,a", Some(InvalidRedirectUri::Scheme)),
            ("myapp:/cb", Some(InvalidRedirectUri::Scheme)),
            ("com.example.app:cb", Some(InvalidRedirectUri::Malformed)),
            ("/cb", Some(InvalidRedirectUri::Malformed)),
            ("", Some(InvalidRedirectUri::Malformed)),
            ("https:///cb", Some(InvalidRedirectUri::Malformed)),
            ("https://app.example:x/cb", Some(InvalidRedirectUri::Malformed)),
            ("https://app.example/a b", Some(InvalidRedirectUri::Malformed)),
            ("HTTPS://app.example/cb", Some(InvalidRedirectUri::Malformed)),
        ] {
            assert_eq!(RedirectUri::parse(text, true).err(), expected, "{text}");
        }
        let private = RedirectUri::parse("com.example.app:/cb", false);
        assert_eq!(private, Err(InvalidRedirectUri::PrivateScheme));
    }

    #[test]
    fn uris_for_requests_may_use_http() {
        for text in ["https://app.example/logout", "http://app:8080/logout", "http://10.0.0.1/logout"] {
            assert!(RedirectUri::parse_for_requests(text).is_ok(), "{text}");
        }
        for text in
            ["ftp://app/", "com.example.app:/logout", "http://ann@app/", "http://app/#a", "http:///", "/"]
        {
            assert!(RedirectUri::parse_for_requests(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_equal_uris_match() {
        let registered = RedirectUri::parse("https://app.example/cb", false).unwrap();
        assert!(registered.matches("https://app.example/cb", true));
        for other in [
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://APP.example/cb",
            "https://app.example/cb?x=1",
            "https://app.example/cb#",
            "https://app.example:443/cb",
            "https://app.example/c%62",
            "http://app.example/cb",
            "https://app.example.evil.example/cb",
            "https://app.example/cb/../evil",
        ] {
            assert!(!registered.matches(other, true), "{other}");
        }
    }

    #[test]
    fn native_applications_choose_their_loopback_port() {
        let registered = RedirectUri::parse("http://127.0.0.1/cb", true).unwrap();
        assert!(registered.matches("http://127.0.0.1:51004/cb", true));
        for (other, is_native) in [
            ("http://127.0.0.1:51004/cb", false),
            ("http://127.0.0.1:51004/other", true),
            ("http://[::1]:51004/cb", true),
            ("http://localhost:51004/cb", true),
            ("https://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:51004@evil.example/cb", true),
            ("http://127.0.0.1:99999/cb", true),
            ("http://127.0.0.1:a/cb", true),
        ] {
            assert!(!registered.matches(other, is_native), "{other}");
        }
        let localhost = RedirectUri::parse("http://localhost/cb", true).unwrap();
        assert!(!localhost.matches("http://localhost:51004/cb", true));
    }

    #[test]
    fn origins_are_those_of_browsers() {
        let origin = |text| RedirectUri::parse(text, true).unwrap().origin();
        assert_eq!(origin("https://App.example:443/cb").as_deref(), Some("https://app.example"));
        assert_eq!(origin("http://localhost:3000/cb").as_deref(), Some("http://localhost:3000"));
        assert_eq!(origin("com.example.app:/cb"), None);
        assert_eq!(
            RedirectUri::from_stored("com.example.app:/cb".to_owned()).policy_source(),
            "com.example.app:"
        );
    }
}
