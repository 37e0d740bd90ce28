//! Identifies the client by the socket and by trusted proxies only.

use std::net::{IpAddr, Ipv4Addr};

use inwren_domain::kernel::ClientInfo;
use ipnet::IpNet;
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, header};
use poem::{FromRequest, Request, RequestBody};

/// The proxies whose forwarding headers are trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    /// The networks of the proxies.
    pub networks: Vec<IpNet>,
    /// The header that the proxies write.
    pub header: ProxyHeader,
}

impl TrustedProxies {
    /// Returns whether this address is a trusted proxy.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The header in which proxies report where a request comes from. They pass on the other header as the client wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Either header: it is unknown which one the proxies write.
    #[default]
    Either,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The address of the client, as the outermost middleware determined it for this request.
#[derive(Clone, Copy)]
pub(in crate::http) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Determines the address once for limits, logs and sessions.
    pub(in crate::http) fn find(request: &Request, trusted_proxies: &TrustedProxies) -> Self {
        let peer = request.remote_addr().as_socket_addr().map_or(UNKNOWN, |addr| addr.ip());
        Self(forwarded_client(peer.to_canonical(), request.headers(), trusted_proxies))
    }
}

/// Returns whether the client's own connection uses TLS, by the socket or by the report of a trusted proxy in front of
/// it.
pub(in crate::http) fn is_over_tls(request: &Request, trusted_proxies: &TrustedProxies) -> bool {
    let peer = request.remote_addr().as_socket_addr().map_or(UNKNOWN, |addr| addr.ip());
    let reported = reported_tls(peer.to_canonical(), request.headers(), trusted_proxies);
    reported.unwrap_or(*request.scheme() == Scheme::HTTPS)
}

/// Stands for the address of a client whose socket has none.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Returns the address of the client.
pub(in crate::http) fn client_of(request: &Request) -> IpAddr {
    request.data::<ClientAddress>().map_or(UNKNOWN, |address| address.0)
}

/// The client information that sessions and audit events store.
pub(in crate::http) struct Client(pub(in crate::http) ClientInfo);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        // Field values may contain bytes beyond ASCII (RFC 9110 section 5.5), in practice UTF-8.
        let user_agent = request.headers().get(header::USER_AGENT);
        let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self(ClientInfo::new(Some(client_of(request)), user_agent.as_deref())))
    }
}

/// Returns the address of the client. Reads the forwarding headers from right to left, as long as the hops are trusted.
/// The first untrusted address is the client: the client may have made up everything to its left. At an unreadable hop,
/// the search ends with the last trusted address.
///
/// If it is unknown which of the two headers the proxies write, and both are present and disagree, neither is trusted.
fn forwarded_client(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.contains(address);
    if !is_trusted(peer) {
        return peer;
    }
    let walk = |hops: Vec<Option<IpAddr>>| {
        let mut client = peer;
        for hop in hops {
            let Some(address) = hop else { break };
            client = address.to_canonical();
            if !is_trusted(client) {
                break;
            }
        }
        client
    };
    let by_x_forwarded_for = || hops(headers, "x-forwarded-for", address).map(walk);
    let by_forwarded = || hops(headers, "forwarded", forwarded_element).map(walk);
    let client = match trusted.header {
        ProxyHeader::XForwardedFor => by_x_forwarded_for(),
        ProxyHeader::Forwarded => by_forwarded(),
        ProxyHeader::Either => match (by_x_forwarded_for(), by_forwarded()) {
            (Some(a), Some(b)) if a != b => None,
            (a, b) => a.or(b),
        },
    };
    client.unwrap_or(peer)
}

/// Returns whether the trusted proxies report that the client used TLS. Returns `None` if no proxy reports anything. If
/// the two headers disagree, the report of no TLS counts.
fn reported_tls(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<bool> {
    if !trusted.contains(peer) {
        return None;
    }
    let is_https = |scheme: &str| scheme.eq_ignore_ascii_case("https");
    // This header has one value, which the nearest proxy passes on or replaces.
    let by_x_forwarded_proto = || hops(headers, "x-forwarded-proto", is_https)?.first().copied();
    // Each proxy adds an element. The element of the client's own hop reports how the client connected.
    let by_forwarded = || {
        let read = |element: &str| (forwarded_element(element), parameter(element, "proto").map(is_https));
        let elements = hops(headers, "forwarded", read)?;
        let is_trusted = |hop: Option<IpAddr>| hop.is_some_and(|hop| trusted.contains(hop.to_canonical()));
        let client = elements.iter().find(|(hop, _)| !is_trusted(*hop)).or(elements.last());
        client.and_then(|(_, is_https)| *is_https)
    };
    match trusted.header {
        ProxyHeader::XForwardedFor => by_x_forwarded_proto(),
        ProxyHeader::Forwarded => by_forwarded(),
        ProxyHeader::Either => match (by_x_forwarded_proto(), by_forwarded()) {
            (Some(a), Some(b)) => Some(a && b),
            (a, b) => a.or(b),
        },
    }
}

/// Returns the hops of a header, in all its lines, from right to left. Each hop is read separately: a client may have
/// written bytes that are not text into a line, and these must not hide what a proxy wrote after them.
fn hops<T>(headers: &HeaderMap, name: &str, read: impl Fn(&str) -> T) -> Option<Vec<T>> {
    let mut hops = Vec::new();
    for line in headers.get_all(name).into_iter().rev() {
        let line = String::from_utf8_lossy(line.as_bytes());
        hops.extend(from_the_right(&line, ',').into_iter().map(|hop| read(hop.trim())));
    }
    (!hops.is_empty()).then_some(hops)
}

/// Returns the `for` parameter of a `Forwarded` element, in which it occurs once (RFC 7239 sections 4 and 6).
fn forwarded_element(element: &str) -> Option<IpAddr> {
    parameter(element, "for").and_then(address)
}

/// Returns the value of a parameter of a `Forwarded` element, without quotes. Returns `None` if the parameter is
/// missing or repeated.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let pairs = from_the_right(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(found, _)| found.trim().eq_ignore_ascii_case(name));
    let (Some((_, value)), None) = (named.next(), named.next()) else { return None };
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(value))
}

/// Splits a list into its parts, from right to left. A separator within quotes does not count (RFC 9110 section 5.6.4):
/// a proxy may quote what the client wrote, such as a host. Quotes are paired from the right, where the proxy writes,
/// so a quote that the client opened and did not close does not affect the proxy's part.
fn from_the_right(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut end, mut quoted) = (text.len(), false);
    for (place, found) in text.char_indices().rev() {
        if found == '"' {
            let before = text.get(..place).unwrap_or_default();
            let escapes = before.len() - before.trim_end_matches('\\').len();
            quoted ^= escapes % 2 == 0;
        } else if found == separator && !quoted {
            parts.extend(text.get(place + 1..end));
            end = place;
        }
    }
    parts.extend(text.get(..end));
    parts
}

/// Parses an address, with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_by(
        header: ProxyHeader,
        peer: &str,
        headers: &[(&'static str, &str)],
        trusted: &[&str],
    ) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let networks = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let trusted = TrustedProxies { networks, header };
        forwarded_client(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    fn client(peer: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> String {
        client_by(ProxyHeader::Either, peer, headers, trusted)
    }

    const PROXY: &[&str] = &["10.0.0.0/8"];

    #[test]
    fn no_header_is_trusted_by_default() {
        assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")], &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")], PROXY), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_read_from_the_right() {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "203.0.113.9")], PROXY), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 203.0.113.9")], PROXY), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.2")], PROXY),
            "203.0.113.9"
        );
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")], PROXY),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.1", &[], PROXY), "10.0.0.1");
    }

    #[test]
    fn both_spellings_are_read() {
        assert_eq!(client("10.0.0.1", &[("forwarded", "for=203.0.113.9;proto=https")], PROXY), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1", &[("forwarded", r#"proto=https; For="[2001:db8::1]:4711""#)], PROXY),
            "2001:db8::1"
        );
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "203.0.113.9:1234")], PROXY), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]")], PROXY), "2001:db8::1");
    }

    #[test]
    fn unreadable_header_yields_the_proxy_address() {
        for rubbish in ["unknown", "", "203.0.113.9.1", "'; --", "for=_hidden"] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", rubbish)], PROXY), "10.0.0.1");
            assert_eq!(client("10.0.0.1", &[("forwarded", rubbish)], PROXY), "10.0.0.1");
        }
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, unknown, 10.0.0.2")], PROXY),
            "10.0.0.2"
        );
    }

    #[test]
    fn invalid_utf8_does_not_hide_later_hops() {
        let mut map = HeaderMap::new();
        map.append("x-forwarded-for", b"\xff\x80, 203.0.113.9".as_slice().try_into().unwrap());
        let trusted =
            TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], header: ProxyHeader::Either };
        assert_eq!(forwarded_client("10.0.0.1".parse().unwrap(), &map, &trusted).to_string(), "203.0.113.9");
    }

    #[test]
    fn contradictory_headers_are_not_trusted() {
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(client("10.0.0.1", &both, PROXY), "10.0.0.1");
        let same = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(client("10.0.0.1", &same, PROXY), "203.0.113.9");
    }

    #[test]
    fn only_the_header_of_the_proxies_is_trusted() {
        for own in ["for=198.51.100.1", "for=10.0.0.9", "for=\"", "rubbish"] {
            let both = [("forwarded", own), ("x-forwarded-for", "203.0.113.9")];
            assert_eq!(client_by(ProxyHeader::XForwardedFor, "10.0.0.1", &both, PROXY), "203.0.113.9");
        }
        for own in ["198.51.100.1", "10.0.0.9", "rubbish"] {
            let both = [("x-forwarded-for", own), ("forwarded", "for=203.0.113.9")];
            assert_eq!(client_by(ProxyHeader::Forwarded, "10.0.0.1", &both, PROXY), "203.0.113.9");
        }
        let other = [("forwarded", "for=198.51.100.1")];
        assert_eq!(client_by(ProxyHeader::XForwardedFor, "10.0.0.1", &other, PROXY), "10.0.0.1");
    }

    #[test]
    fn client_text_does_not_hide_the_proxy_entry() {
        let left =
            ["for=\"", "for=\"x", "\"", "\\\"", "for=6.6.6.6;host=\"", ",,,", "for=6.6.6.6, for=\"[::1]"];
        // The proxy repeats the host in quotes, and the client chose the host.
        let hosts =
            ["x;for=6.6.6.6;y=", "x, for=6.6.6.6", "x,for=6.6.6.6,y", "x\\\", for=6.6.6.6, \\\"", ";,;,"];
        let own = hosts.map(|host| format!("for=203.0.113.9;host=\"{host}\""));
        let own = own.iter().cloned().chain(hosts.map(|host| format!("host=\"{host}\";for=203.0.113.9")));
        for own in own.chain(["for=203.0.113.9".to_owned()]) {
            assert_eq!(client("10.0.0.1", &[("forwarded", &own)], PROXY), "203.0.113.9", "{own}");
            for left in left {
                let line = format!("{left}, {own}");
                assert_eq!(client("10.0.0.1", &[("forwarded", &line)], PROXY), "203.0.113.9", "{line}");
                let lines = [("forwarded", left), ("forwarded", own.as_str())];
                assert_eq!(client("10.0.0.1", &lines, PROXY), "203.0.113.9", "{lines:?}");
            }
        }
        for left in ["6.6.6.6", "\"", "10.0.0.7", ",", "unknown", "6.6.6.6, 10.0.0.7"] {
            let line = format!("{left}, 203.0.113.9");
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", &line)], PROXY), "203.0.113.9", "{line}");
        }
    }

    #[test]
    fn only_trusted_proxies_report_tls() {
        let reported = |header, peer: &str, headers: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            let trusted = TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], header };
            reported_tls(peer.parse().unwrap(), &map, &trusted)
        };
        use ProxyHeader::{Either, Forwarded, XForwardedFor};
        const PROTO: &str = "x-forwarded-proto";
        const FORWARDED: &str = "forwarded";
        for (header, peer, headers, expected) in [
            (Either, "192.0.2.1", &[(PROTO, "https")][..], None),
            (Either, "192.0.2.1", &[(FORWARDED, "for=192.0.2.9;proto=https")], None),
            (Either, "10.0.0.1", &[], None),
            (Either, "10.0.0.1", &[(PROTO, "https")], Some(true)),
            (Either, "10.0.0.1", &[(PROTO, "HTTPS")], Some(true)),
            (Either, "10.0.0.1", &[(PROTO, "http")], Some(false)),
            (Either, "10.0.0.1", &[(PROTO, "https, http")], Some(false)),
            (Either, "10.0.0.1", &[(PROTO, "http"), (PROTO, "https")], Some(true)),
            (Either, "10.0.0.1", &[(FORWARDED, "for=203.0.113.9;proto=https")], Some(true)),
            (Either, "10.0.0.1", &[(FORWARDED, "proto=\"https\";for=203.0.113.9")], Some(true)),
            (Either, "10.0.0.1", &[(FORWARDED, "for=203.0.113.9;proto=http")], Some(false)),
            (Either, "10.0.0.1", &[(FORWARDED, "for=203.0.113.9")], None),
            (Either, "10.0.0.1", &[(FORWARDED, "for=203.0.113.9;proto=https;proto=http")], None),
            // Only the client's hop counts: neither what the client wrote to its left, nor the hop between two proxies.
            (
                Either,
                "10.0.0.1",
                &[(FORWARDED, "for=1.1.1.1;proto=https, for=203.0.113.9;proto=http")],
                Some(false),
            ),
            (
                Either,
                "10.0.0.1",
                &[(FORWARDED, "for=203.0.113.9;proto=https, for=10.0.0.2;proto=http")],
                Some(true),
            ),
            (
                Either,
                "10.0.0.1",
                &[(FORWARDED, "for=10.0.0.3;proto=https, for=10.0.0.2;proto=http")],
                Some(true),
            ),
            (Either, "10.0.0.1", &[(FORWARDED, "for=unknown;proto=https")], Some(true)),
            (Either, "10.0.0.1", &[(PROTO, "http"), (FORWARDED, "for=203.0.113.9;proto=https")], Some(false)),
            (XForwardedFor, "10.0.0.1", &[(FORWARDED, "for=203.0.113.9;proto=https")], None),
            (
                XForwardedFor,
                "10.0.0.1",
                &[(PROTO, "https"), (FORWARDED, "for=9.9.9.9;proto=http")],
                Some(true),
            ),
            (Forwarded, "10.0.0.1", &[(PROTO, "https")], None),
        ] {
            assert_eq!(reported(header, peer, headers), expected, "{header:?} {peer} {headers:?}");
        }
    }

    #[test]
    fn an_element_with_two_addresses_is_not_believed() {
        let twice = "for=203.0.113.9;for=198.51.100.1";
        assert_eq!(client("10.0.0.1", &[("forwarded", twice)], PROXY), "10.0.0.1");
    }
}
