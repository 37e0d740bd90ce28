use std::io;
use std::net::SocketAddr;

use futures_util::FutureExt as _;
use inwren_app::config::{Config, Operation};
use inwren_app::runtime::server::proxy_protocol::read_header;
use inwren_domain::limiter::Quota;
use poem::http::HeaderValue;
use time::Duration;

use super::service::{Service, Slot, with};

static SERVICE: Slot = Slot::new(None);

const PROXY: &str = "10.0.0.1";
/// The headers, and how a proxy writes a client address into each.
const HEADERS: [(&str, &str); 2] = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.8")];

/// A quota of one call per minute and client reveals which client address the service assumes.
fn one_a_minute(config: &mut Config) {
    config.limits.enabled = true;
    config.limits.set(Operation::Revoke, Quota::per_minute(1));
    config.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
}

fn is_limited(service: &Service, from: &str, headers: &[(&str, &[u8])]) -> bool {
    let call = service.app.post("/auth/revoke").from(from).over_anything();
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    let reply = service.wait(call.form(&[("token", "x")]).send());
    assert!([200, 429].contains(&reply.status), "{reply}");
    reply.status == 429
}

/// Tries any value of a forwarding header from a client. The value never changes the client address that the service
/// assumes.
pub(super) fn forwarded(bytes: &[u8]) {
    if HeaderValue::from_bytes(bytes).is_err() {
        return;
    }
    with(&SERVICE, one_a_minute, |service| {
        service.app.clock.advance(Duration::minutes(2));
        for (name, appended) in HEADERS {
            // The service ignores the header of a client that connects without a proxy.
            let stranger = if name == "forwarded" { "192.0.2.2" } else { "192.0.2.1" };
            assert!(!is_limited(service, stranger, &[(name, bytes)]), "{name}");
            assert!(is_limited(service, stranger, &[]), "{name} named somebody else");
            // The client controls everything before the part that the proxy appended.
            let chain = [bytes, b", ", appended.as_bytes()].concat();
            assert!(!is_limited(service, PROXY, &[(name, &chain)]), "{name}");
            assert!(is_limited(service, PROXY, &[(name, appended.as_bytes())]), "{name} named somebody else");
            // If the proxy passes the value on unchanged, the service still returns a valid response.
            is_limited(service, PROXY, &[(name, bytes)]);
        }
        is_limited(service, PROXY, &[("forwarded", bytes), ("x-forwarded-for", bytes)]);
    });
}

/// The longest accepted header of each version, in bytes.
const MAX_PROXY_HEADER: [usize; 2] = [107, 16 + 2_048];
/// The first bytes of a header of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The client that a PROXY header names, and the length of the header in bytes.
fn read_proxy_header(bytes: &[u8]) -> io::Result<(Option<SocketAddr>, usize)> {
    let mut rest = bytes;
    let client = read_header(&mut rest).now_or_never().expect("bytes that are there are not waited for")?;
    Ok((client, bytes.len() - rest.len()))
}

/// Parses any bytes as a PROXY protocol header. The parser reads nothing after an accepted header, no prefix of an
/// accepted header is a header, and the client in it can be written and read again in both versions.
pub(super) fn proxy_header(bytes: &[u8]) {
    let Ok((client, length)) = read_proxy_header(bytes) else { return };
    let (header, version) = match bytes.split_at(length).0 {
        header if header.starts_with(b"PROXY ") => (header, 0),
        header if header.starts_with(SIGNATURE) => (header, 1),
        other => panic!("{other:?} is no header"),
    };
    assert!(length <= MAX_PROXY_HEADER[version], "{length} bytes");
    assert_eq!(read_proxy_header(header).expect("a header"), (client, length));
    for shorter in [length - 1, length / 2, 0] {
        let error = read_proxy_header(&header[..shorter]).expect_err("a part of a header");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{shorter} of {header:?}");
    }
    let Some(client) = client else { return };
    for written in [version_1(client), version_2(client)] {
        let again = read_proxy_header(&[&written, bytes].concat()).expect("a header");
        assert_eq!(again, (Some(client), written.len()), "{header:?}");
    }
}

fn version_1(client: SocketAddr) -> Vec<u8> {
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (address, port) = (client.ip(), client.port());
    format!("PROXY {family} {address} {address} {port} 443\r\n").into_bytes()
}

fn version_2(client: SocketAddr) -> Vec<u8> {
    let (family, length, address) = match client {
        SocketAddr::V4(client) => (0x11, 12, client.ip().octets().to_vec()),
        SocketAddr::V6(client) => (0x21, 36, client.ip().octets().to_vec()),
    };
    let ports = [client.port().to_be_bytes(), 443_u16.to_be_bytes()].concat();
    [SIGNATURE, &[0x21, family, 0, length], &address, &address, &ports].concat()
}
