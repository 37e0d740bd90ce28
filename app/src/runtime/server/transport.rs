//! The layers between the socket and HTTP: the PROXY protocol and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::linger::linger;
use super::proxy_protocol;
use crate::tls::Tls;

/// How long a client may take until HTTP can start.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// The size of the read buffer. It holds most PROXY headers, and most of a TLS client's first message.
const READ_AHEAD: usize = 512;

/// How connections start. The default is plain HTTP.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// The proxies that start each connection with a PROXY header. Connections from other addresses have none; if they
    /// send one, it is invalid HTTP.
    pub proxies: Arc<[IpNet]>,
    /// The TLS configuration. `None` means plain HTTP.
    pub tls: Option<Arc<Tls>>,
}

/// A connection on which HTTP can start.
pub(super) struct Opened {
    /// The client's address.
    pub(super) client: SocketAddr,
    /// The stream that carries HTTP.
    pub(super) stream: Stream,
}

pub(super) enum Stream {
    Plain(TcpStream),
    Proxied(BufReader<TcpStream>),
    Tls(Box<TlsStream<BufReader<TcpStream>>>),
}

impl Transport {
    /// Reads the PROXY header and performs the TLS handshake, if configured.
    pub(super) async fn open(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<Opened> {
        let opening = tokio::time::timeout(OPENING_TIMEOUT, self.open_in_time(stream, peer));
        opening.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn open_in_time(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<Opened> {
        let is_proxy = self.proxies.iter().any(|network| network.contains(&peer.ip().to_canonical()));
        if !is_proxy && self.tls.is_none() {
            return Ok(Opened { client: peer, stream: Stream::Plain(stream) });
        }
        let mut stream = BufReader::with_capacity(READ_AHEAD, stream);
        let client = match is_proxy {
            true => proxy_protocol::read_header(&mut stream).await?.unwrap_or(peer),
            false => peer,
        };
        let Some(tls) = &self.tls else { return Ok(Opened { client, stream: Stream::Proxied(stream) }) };
        // A request starts with the name of a method, but a TLS record never starts with a letter.
        if stream.fill_buf().await?.first().is_some_and(u8::is_ascii_alphabetic) {
            refuse_plain(stream).await;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "received plain HTTP on the TLS port"));
        }
        let stream = TlsAcceptor::from(tls.in_force()).accept(stream).await?;
        Ok(Opened { client, stream: Stream::Tls(Box::new(stream)) })
    }
}

/// Answers a plain HTTP client with an error. It does not read the request.
async fn refuse_plain(mut stream: BufReader<TcpStream>) {
    const BODY: &str = "{\"type\":\"/problems/tls-required\",\"code\":\"tls-required\",\"title\":\"TLS required\",\
                        \"status\":400,\"detail\":\"This port speaks TLS: use https.\",\"retryable\":false}";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    if stream.write_all(answer.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        linger(&mut stream).await;
    }
}
