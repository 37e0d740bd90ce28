//! Who issues the tokens, and under which address others reach the service.

use poem::Request;
use poem::http::header;

use crate::config::SETTINGS;

/// The issuer of the tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: String,
    audience: String,
    /// Whether the name is the address of the service.
    is_address: bool,
}

impl Issuer {
    /// An issuer of this name, for this audience. It is also the address of the service, if it is a URL that somebody has chosen: the
    /// default is the address only of a service that nobody has set up.
    pub fn new(name: &str, audience: &str) -> Self {
        let default = SETTINGS.iter().find(|setting| setting.name == "TOKEN_ISSUER");
        let is_default = default.and_then(|setting| setting.default) == Some(name);
        let is_url = name.starts_with("https://") || name.starts_with("http://");
        Self { name: name.to_owned(), audience: audience.to_owned(), is_address: is_url && !is_default }
    }

    /// The `iss` of tokens.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The `aud` of tokens.
    pub(super) fn audience(&self) -> &str {
        &self.audience
    }

    /// The address of the service, without a slash at the end: the issuer's, or else the one that the client has called.
    pub(super) fn address(&self, request: &Request) -> String {
        let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        match host.filter(|host| is_host(host)) {
            Some(host) if !self.is_address => format!("http://{host}"),
            _ => self.name.trim_end_matches('/').to_owned(),
        }
    }
}

/// Whether this is a host and perhaps a port, and nothing that could change a URL that it is put into.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_name = !host.is_empty() && name(host);
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_v6 = literal.is_some_and(|literal| literal.parse::<std::net::Ipv6Addr>().is_ok());
    text.len() <= 255 && (is_name || is_v6) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(issuer: &str, host: &str) -> String {
        Issuer::new(issuer, "tests").address(&Request::builder().header("host", host).finish())
    }

    #[test]
    fn a_chosen_address_is_the_address() {
        assert_eq!(address("https://auth.example.org/", "evil.example.org"), "https://auth.example.org");
        assert_eq!(address("https://example.org/auth", "x"), "https://example.org/auth");
    }

    #[test]
    fn a_service_that_nobody_set_up_is_where_it_is_called() {
        for host in ["localhost:8123", "127.0.0.1:1", "[::1]:8000", "auth.internal"] {
            assert_eq!(address("http://localhost:8000", host), format!("http://{host}"));
            assert_eq!(address("inwren", host), format!("http://{host}"));
        }
    }

    #[test]
    fn a_host_that_is_more_than_a_host_is_not_believed() {
        for host in
            ["", "a/b", "a@b", "a?b", "a#b", "a b", "a:b", "a:99999", "[::1", "[x]:1", "\"", "<", "a:1:2"]
        {
            assert_eq!(address("http://localhost:8000", host), "http://localhost:8000", "{host}");
        }
    }
}
