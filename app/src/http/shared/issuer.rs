//! The issuer of the tokens, and the address of the service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use poem::Request;
use poem::http::{Uri, header};

use crate::config::Setting;

/// The issuer of the tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: String,
    audience: String,
    /// Whether the name is the address of the service.
    is_address: bool,
    /// The path of that address, without a trailing slash. Empty if there is none.
    path: String,
}

impl Issuer {
    /// Creates an issuer with this name and audience. If the operator has set the name, and it is a URL, it is also the
    /// address of the service. The default name is the address only of a service without configuration.
    pub fn new(name: &str, audience: &str) -> Self {
        let is_url = name.starts_with("https://") || name.starts_with("http://");
        let is_address = is_url && !Setting::is_default("TOKEN_ISSUER", name);
        let path = if is_address { path_of(name) } else { String::new() };
        Self { name: name.to_owned(), audience: audience.to_owned(), is_address, path }
    }

    /// Returns whether the name is the address of the service.
    pub fn is_address(&self) -> bool {
        self.is_address
    }

    /// Returns the path of the service's address, without a trailing slash. Clients put it in front of every path of
    /// the service, and the proxy that serves the service there removes it.
    pub(in crate::http) fn path(&self) -> &str {
        &self.path
    }

    /// Returns a path of the service as clients call it, for headers and documents with absolute paths.
    pub(in crate::http) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// Returns the `iss` of tokens.
    pub(in crate::http) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the `aud` of tokens.
    pub(in crate::http) fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns the address of the service, without a trailing slash. It is the issuer's address, if the operator has
    /// set one. Otherwise it is the `Host` that the client called, if that is a host of this machine, or else the
    /// address that the service listens on. No other `Host` is trusted: if a cache stored a response with it, the
    /// client who chose it could lead other clients to any host.
    pub(in crate::http) fn address(&self, request: &Request) -> String {
        if self.is_address {
            return self.name.trim_end_matches('/').to_owned();
        }
        let own = request.local_addr().as_socket_addr();
        // A dual-stack socket reports IPv4 addresses as IPv4-mapped IPv6 addresses.
        let own = own.map(|own| SocketAddr::new(own.ip().to_canonical(), own.port()));
        let called = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        let called = called.filter(|host| is_of_this_machine(host, own));
        let scheme = request.scheme();
        match (called, own) {
            (Some(host), _) => format!("{scheme}://{host}"),
            (None, Some(own)) => format!("{scheme}://{own}"),
            (None, None) => self.name.trim_end_matches('/').to_owned(),
        }
    }
}

fn path_of(url: &str) -> String {
    let url: Option<Uri> = url.parse().ok();
    url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

/// Returns whether the text is a host of this machine, with or without a port, and contains nothing that could change a
/// URL that includes it. The address that the service listens on counts only with the service's own port: another port
/// belongs to another program. A loopback address counts with any port, because port forwarding may have changed it.
fn is_of_this_machine(text: &str, own: Option<SocketAddr>) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_number =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if !port.is_none_or(is_number) {
        return false;
    }
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address: Option<IpAddr> = match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    };
    match address.map(|address| address.to_canonical()) {
        None => literal.is_none() && host.eq_ignore_ascii_case("localhost"),
        Some(address) if address.is_loopback() => true,
        Some(address) => {
            own.is_some_and(|own| own.ip() == address && port == Some(own.port().to_string().as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::http::uri::Scheme;
    use poem::web::{LocalAddr, RemoteAddr};
    use poem::{Addr, Body, RequestParts};

    use super::*;

    const OWN: &str = "192.0.2.7:8123";
    const OWN_IN_V6: &str = "[::ffff:192.0.2.7]:8123";

    fn address_over(scheme: Scheme, issuer: &str, host: &str) -> String {
        let (parts, ()) = hyper::Request::builder().header("host", host).body(()).unwrap().into_parts();
        let own = LocalAddr(Addr::SocketAddr(OWN_IN_V6.parse().unwrap()));
        let remote = RemoteAddr(Addr::SocketAddr("198.51.100.7:4711".parse().unwrap()));
        let request = Request::from_parts(RequestParts::from((parts, own, remote, scheme)), Body::empty());
        Issuer::new(issuer, "tests").address(&request)
    }

    fn address(issuer: &str, host: &str) -> String {
        address_over(Scheme::HTTP, issuer, host)
    }

    #[test]
    fn a_chosen_address_is_the_address() {
        assert_eq!(address("https://auth.example.org/", "evil.example.org"), "https://auth.example.org");
        assert_eq!(address("https://example.org/auth", "x"), "https://example.org/auth");
    }

    #[test]
    fn the_path_is_that_of_a_chosen_address() {
        for (issuer, path) in [
            ("https://example.org", ""),
            ("https://example.org/", ""),
            ("https://example.org/auth", "/auth"),
            ("https://example.org/auth/", "/auth"),
            ("https://example.org/a/b%20c/?x=/y", "/a/b%20c"),
            ("http://localhost:8000", ""),
            ("tag:inwren/auth", ""),
            ("https://exa mple/auth", ""),
        ] {
            let issuer = Issuer::new(issuer, "tests");
            assert_eq!(
                (issuer.path(), issuer.at("/users/me")),
                (path, format!("{path}/users/me")),
                "{issuer:?}"
            );
        }
    }

    #[test]
    fn default_issuer_yields_the_local_host_called() {
        for host in ["localhost:8123", "localhost", "127.0.0.1:1", "[::1]:8000", "[::ffff:127.0.0.1]:1", OWN]
        {
            assert_eq!(address("http://localhost:8000", host), format!("http://{host}"));
            assert_eq!(address("inwren", host), format!("http://{host}"));
            assert_eq!(address_over(Scheme::HTTPS, "inwren", host), format!("https://{host}"));
        }
    }

    #[test]
    fn foreign_host_is_not_trusted() {
        for host in [
            "evil.example.org",
            "auth.internal:8000",
            "192.0.2.8:8123",
            "192.0.2.7:9999",
            "192.0.2.7",
            "[2001:db8::1]",
            "localhost.evil.example",
        ] {
            for issuer in ["http://localhost:8000", "inwren"] {
                assert_eq!(address(issuer, host), format!("http://{OWN}"), "{host}");
            }
        }
    }

    #[test]
    fn malformed_host_is_not_trusted() {
        for host in [
            "",
            "localhost/b",
            "a@localhost",
            "localhost?b",
            "localhost#b",
            "localhost b",
            "localhost:b",
            "localhost:+1",
            "localhost:99999",
            "localhost:1:2",
            "[::1",
            "[x]:1",
            "[127.0.0.1]",
            "\"",
        ] {
            assert_eq!(address("http://localhost:8000", host), format!("http://{OWN}"), "{host}");
        }
    }
}
