//! Who the client is: by the socket, and by trusted proxies only.

use std::net::{IpAddr, Ipv4Addr};

use inwren_domain::model::ClientInfo;
use ipnet::IpNet;
use poem::http::{HeaderMap, header};
use poem::{FromRequest, Request, RequestBody};

/// The client's address, as the outermost middleware found it out for this request.
#[derive(Clone, Copy)]
pub(super) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Finds it out, once for limits, logs and sessions alike.
    pub(super) fn find(request: &Request, trusted_proxies: &[IpNet]) -> Self {
        let peer = request.remote_addr().as_socket_addr().map_or(NOBODY, |addr| addr.ip());
        Self(forwarded_client(peer.to_canonical(), request.headers(), trusted_proxies))
    }
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The client's address.
pub(super) fn client_of(request: &Request) -> IpAddr {
    request.data::<ClientAddress>().map_or(NOBODY, |address| address.0)
}

/// What is kept of a client.
pub(super) struct Client(pub(super) ClientInfo);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(ClientInfo::new(Some(client_of(request)), user_agent)))
    }
}

/// Follows the forwarding headers from the right, as far as the hops are trusted. The first address that is not is the
/// client: everything to its left is its own word. A hop that cannot be read ends the walk at the last trusted one.
///
/// A proxy that writes one of the two headers passes the other on as the client wrote it. So where both are there and
/// they disagree, neither is believed.
fn forwarded_client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return peer;
    }
    let walk = |hops: Vec<Option<IpAddr>>| {
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            let Some(address) = hop else { break };
            client = address.to_canonical();
            if !is_trusted(client) {
                break;
            }
        }
        client
    };
    let forwarded_for = hops(headers, "x-forwarded-for", address).map(walk);
    let forwarded = hops(headers, "forwarded", forwarded_element).map(walk);
    match (forwarded_for, forwarded) {
        (Some(a), Some(b)) if a != b => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    }
}

/// The hops of a header, in all its lines, from left to right. Each is read by itself: what a client wrote into a line may
/// be no text at all, and must not hide what a proxy wrote after it.
fn hops(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    for line in headers.get_all(name) {
        let parts = line.as_bytes().split(|byte| *byte == b',');
        hops.extend(parts.map(|hop| std::str::from_utf8(hop).ok().and_then(|hop| read(hop.trim()))));
    }
    (!hops.is_empty()).then_some(hops)
}

/// The `for` of an element of the `Forwarded` header (RFC 7239 section 6).
fn forwarded_element(element: &str) -> Option<IpAddr> {
    let pair = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    })?;
    address(pair.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(pair))
}

/// An address, with or without brackets and port.
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

    fn client(peer: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        forwarded_client(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    const PROXY: &[&str] = &["10.0.0.0/8"];

    #[test]
    fn nobody_is_believed_by_default() {
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
    fn what_cannot_be_read_is_the_proxys_own() {
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
    fn what_is_no_text_hides_no_hop_after_it() {
        let mut map = HeaderMap::new();
        map.append("x-forwarded-for", b"\xff\x80, 203.0.113.9".as_slice().try_into().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(forwarded_client("10.0.0.1".parse().unwrap(), &map, &trusted).to_string(), "203.0.113.9");
    }

    #[test]
    fn headers_that_disagree_are_not_believed() {
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(client("10.0.0.1", &both, PROXY), "10.0.0.1");
        let same = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(client("10.0.0.1", &same, PROXY), "203.0.113.9");
    }
}
