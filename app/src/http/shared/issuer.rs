//! Who issues the tokens, and under which address others reach the service.

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
    /// The path of that address, without a slash at its end; empty where there is none.
    path: String,
}

impl Issuer {
    /// An issuer of this name, for this audience. It is also the address of the service, if it is a URL that somebody has chosen: the
    /// default is the address only of a service that nobody has set up.
    pub fn new(name: &str, audience: &str) -> Self {
        let is_url = name.starts_with("https://") || name.starts_with("http://");
        let is_address = is_url && !Setting::is_default("TOKEN_ISSUER", name);
        let path = if is_address { path_of(name) } else { String::new() };
        Self { name: name.to_owned(), audience: audience.to_owned(), is_address, path }
    }

    /// Whether it says under which address others reach the service.
    pub fn is_address(&self) -> bool {
        self.is_address
    }

    /// The path of the service's address, without a slash at its end. Clients put it in front of every path of ours; the proxy
    /// that serves the service there takes it away again.
    pub(in crate::http) fn path(&self) -> &str {
        &self.path
    }

    /// A path of ours as clients call it, for headers and documents with absolute paths.
    pub(in crate::http) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// The `iss` of tokens.
    pub(in crate::http) fn name(&self) -> &str {
        &self.name
    }

    /// The `aud` of tokens.
    pub(in crate::http) fn audience(&self) -> &str {
        &self.audience
    }

    /// The address of the service, without a slash at the end: the issuer's, or of a service that nobody has set up the one
    /// that the client has called, if it is one of this machine. Any other is only what the client says: an answer with it in
    /// would lead whoever gets it from a cache to wherever that client likes.
    pub(in crate::http) fn address(&self, request: &Request) -> String {
        if self.is_address {
            return self.name.trim_end_matches('/').to_owned();
        }
        let own = request.local_addr().as_socket_addr();
        // Who listens on both families has addresses of the one in those of the other.
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

/// Whether this is a host of this machine and perhaps a port, and nothing that could change a URL that it is put into. Of the
/// address that the service listens on it is so with its port alone: behind another one is another program. What is on a
/// loopback address may have come through a port of any number.
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
    fn a_service_that_nobody_set_up_is_where_it_is_called() {
        for host in ["localhost:8123", "localhost", "127.0.0.1:1", "[::1]:8000", "[::ffff:127.0.0.1]:1", OWN]
        {
            assert_eq!(address("http://localhost:8000", host), format!("http://{host}"));
            assert_eq!(address("inwren", host), format!("http://{host}"));
            assert_eq!(address_over(Scheme::HTTPS, "inwren", host), format!("https://{host}"));
        }
    }

    #[test]
    fn a_host_of_elsewhere_is_not_believed() {
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
    fn a_host_that_is_more_than_a_host_is_not_believed() {
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
