//! The PROXY protocol, versions 1 and 2: a proxy starts each connection with a header that names the client. Section
//! numbers refer to "The PROXY protocol, versions 1 & 2" by Willy Tarreau.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The signature of version 2 (section 2.2). No HTTP request and no TLS record starts with it.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, including its line break (section 2.1).
const MAX_LINE: usize = 107;
/// The longest accepted header of version 2, without its first 16 bytes. Headers with the extensions of proxies have
/// some hundred bytes.
const MAX_LENGTH: usize = 2_048;

/// A LOCAL header of version 2: the sender speaks for itself (section 2.2). Health checks use it.
pub const LOCAL: [u8; 16] = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Reads the header and nothing after it. Returns the client's address, or `None` if the proxy speaks for itself or
/// does not know the client.
pub async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut beginning = [0; SIGNATURE.len()];
    stream.read_exact(&mut beginning).await?;
    if beginning == SIGNATURE {
        let [version_and_command, family, high, low] = read_array(stream).await?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > MAX_LENGTH {
            return Err(malformed());
        }
        let mut addresses = vec![0; length];
        stream.read_exact(&mut addresses).await?;
        return version_2(version_and_command, family, &addresses).ok_or_else(malformed);
    }
    let mut line = beginning.to_vec();
    if !line.starts_with(b"PROXY ") {
        return Err(malformed());
    }
    while !line.ends_with(b"\r\n") {
        if line.len() == MAX_LINE {
            return Err(malformed());
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line).ok_or_else(malformed)
}

async fn read_array<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    stream.read_exact(&mut array).await?;
    Ok(array)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no valid PROXY protocol header")
}

/// Parses a whole line of version 1 (section 2.1), including its line break. The outer `None` is an invalid line.
#[allow(clippy::option_option, reason = "a bad line and an unknown client are two things here")]
fn version_1(line: &[u8]) -> Option<Option<SocketAddr>> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let rest = line.strip_prefix("PROXY ")?;
    // The rest of the line has no meaning.
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut fields = rest.split(' ');
    let mut next = || fields.next();
    let (family, source, destination) = (next()?, next()?, next()?);
    let source_port = port(next()?)?;
    port(next()?)?;
    if fields.next().is_some() {
        return None;
    }
    let address = match family {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            IpAddr::V4(source.parse().ok()?)
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            IpAddr::V6(source.parse().ok()?)
        }
        _ => return None,
    };
    Some(Some(SocketAddr::new(address, source_port)))
}

/// Parses a port of version 1: digits only, without leading zeros.
fn port(text: &str) -> Option<u16> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}

/// Parses the part of version 2 after the signature (section 2.2). It ignores everything after the addresses. The outer
/// `None` is an invalid header.
#[allow(clippy::option_option, reason = "a bad header and an unknown client are two things here")]
fn version_2(version_and_command: u8, family: u8, addresses: &[u8]) -> Option<Option<SocketAddr>> {
    const LOCAL_COMMAND: u8 = 0x20;
    const PROXY_COMMAND: u8 = 0x21;
    match (version_and_command, family) {
        (LOCAL_COMMAND, _) | (PROXY_COMMAND, 0x00) => Some(None),
        (PROXY_COMMAND, 0x11) => {
            let (source, rest) = addresses.split_first_chunk::<4>()?;
            let (_, rest) = rest.split_first_chunk::<4>()?;
            let port = ports(rest)?;
            Some(Some(SocketAddr::new(Ipv4Addr::from(*source).into(), port)))
        }
        (PROXY_COMMAND, 0x21) => {
            let (source, rest) = addresses.split_first_chunk::<16>()?;
            let (_, rest) = rest.split_first_chunk::<16>()?;
            let port = ports(rest)?;
            Some(Some(SocketAddr::new(Ipv6Addr::from(*source).into(), port)))
        }
        // Datagrams and Unix sockets cannot arrive on this listener.
        _ => None,
    }
}

/// The source port. The destination port has to follow it.
fn ports(bytes: &[u8]) -> Option<u16> {
    let (source, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*source))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<(Option<SocketAddr>, Vec<u8>)> {
        let mut stream = bytes;
        let client = read_header(&mut stream).await?;
        Ok((client, stream.to_vec()))
    }

    fn v2(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, body].concat()
    }

    const IPV4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];

    #[tokio::test]
    async fn the_client_is_read_and_nothing_behind_it() {
        let ipv6 = [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[9], &[0; 16], &[0x30, 0x39, 1, 0xbb]].concat();
        let with_more = [&IPV4[..], &[0x03, 0, 4, 1, 2, 3, 4]].concat();
        for (header, client) in [
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n".to_vec(), Some("203.0.113.9:12345")),
            (b"PROXY TCP6 2001:db8::9 ::1 12345 443\r\n".to_vec(), Some("[2001:db8::9]:12345")),
            (
                b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".to_vec(),
                Some("255.255.255.255:65535"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(), None),
            (v2(0x21, 0x11, &IPV4), Some("203.0.113.9:12345")),
            (v2(0x21, 0x11, &with_more), Some("203.0.113.9:12345")),
            (v2(0x21, 0x21, &ipv6), Some("[2001:db8::9]:12345")),
            (v2(0x21, 0x00, &[]), None),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x20, 0x11, &IPV4), None),
            (LOCAL.to_vec(), None),
        ] {
            let (read, rest) = read(&[&header[..], b"GET / HTTP/1.1\r\n"].concat()).await.unwrap();
            assert_eq!(read, client.map(|client| client.parse().unwrap()), "{header:?}");
            assert_eq!(rest, b"GET / HTTP/1.1\r\n", "{header:?}");
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(MAX_LINE));
        for header in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\n",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 12345\r\n",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 443 1\r\n",
            b"PROXY TCP4  203.0.113.9 10.0.0.1 12345 443\r\n",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 012345 443\r\n",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 +12345 443\r\n",
            b"PROXY TCP4 203.0.113.09 10.0.0.1 12345 443\r\n",
            b"PROXY TCP4 2001:db8::9 ::1 12345 443\r\n",
            b"PROXY TCP6 203.0.113.9 10.0.0.1 12345 443\r\n",
            b"PROXY UDP4 203.0.113.9 10.0.0.1 12345 443\r\n",
            b"PROXY UNKNOWNS\r\n",
            b"proxy tcp4 203.0.113.9 10.0.0.1 12345 443\r\n",
            b"PROXY TCP4 \xff\xff 10.0.0.1 12345 443\r\n",
            long.as_bytes(),
            &v2(0x21, 0x11, &IPV4[..11]),
            &v2(0x21, 0x21, &IPV4),
            &v2(0x21, 0x12, &IPV4),
            &v2(0x21, 0x31, &[0; 216]),
            &v2(0x11, 0x11, &IPV4),
            &v2(0x22, 0x11, &IPV4),
            &v2(0x21, 0x11, &[0; MAX_LENGTH + 1]),
        ] {
            let padded = [header, &[b'x'; 200]].concat();
            let error = read(&padded).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{:?}", String::from_utf8_lossy(header));
        }
    }

    #[tokio::test]
    async fn a_header_that_ends_early_is_refused() {
        for header in [b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n".to_vec(), v2(0x21, 0x11, &IPV4)] {
            for length in 0..header.len() {
                let error = read(&header[..length]).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} of {header:?}");
            }
        }
    }
}
