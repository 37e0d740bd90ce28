use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use inwren_domain::outbound::{Outbound, OutboundError};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::address::is_public;
use super::target::Target;

/// Maximum size of a response, with its headers, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Sends requests to public addresses and to networks that the operator allows. Each request has its own connection.
pub struct HttpOutbound {
    /// The networks that need not be public, and that may be reached by `http`.
    allowed: Vec<IpNet>,
    /// Trusts the certificate authorities of the system. It is made for the first request by `https`.
    tls: OnceCell<TlsConnector>,
    pub(super) timeouts: Timeouts,
}

/// How long a request may take.
pub(super) struct Timeouts {
    /// To resolve the host, to connect, and to agree on the encryption.
    pub(super) connection: Duration,
    /// In all.
    pub(super) whole: Duration,
}

/// A stream of bytes in both directions.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A response whose body has not been read yet, with its connection, which is closed when this is dropped.
struct Answer {
    response: Response<Incoming>,
    _sender: SendRequest<Full<Bytes>>,
    _connection: JoinSet<hyper::Result<()>>,
}

impl HttpOutbound {
    /// Prepares a client that may also reach these networks. It opens no connection and reads no file.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        let timeouts = Timeouts { connection: Duration::from_secs(5), whole: Duration::from_secs(10) };
        Self { allowed, tls: OnceCell::new(), timeouts }
    }

    /// Like [`new`](Self::new), but trusts these certificate authorities.
    #[cfg(test)]
    pub(super) fn trusting(allowed: Vec<IpNet>, roots: RootCertStore) -> Self {
        Self { tls: OnceCell::new_with(connector(roots).ok()), ..Self::new(allowed) }
    }

    fn may_reach(&self, target: &Target, address: IpAddr) -> bool {
        let is_allowed = self.allowed.iter().any(|network| network.contains(&address));
        is_allowed || (target.is_encrypted && is_public(address))
    }

    /// Resolves the host to the addresses that a connection may go to.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, OutboundError> {
        let found = lookup_host((target.host.as_str(), target.port)).await;
        let found = found.map_err(|error| target.failure(error))?;
        let canonical = found.map(|found| SocketAddr::new(found.ip().to_canonical(), found.port()));
        let reachable: Vec<_> = canonical.filter(|found| self.may_reach(target, found.ip())).collect();
        if reachable.is_empty() {
            return Err(target.failure(match target.is_encrypted {
                true => "has no address that is public or in OUTBOUND_ALLOW",
                false => "has no address in OUTBOUND_ALLOW, and http is only for those",
            }));
        }
        Ok(reachable)
    }

    /// Connects to the first address that accepts, and encrypts.
    async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, OutboundError> {
        let mut last = target.failure("has no address");
        for address in self.addresses(target).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return self.encrypt(target, stream).await,
                Err(error) => last = target.failure(error),
            }
        }
        Err(last)
    }

    async fn encrypt(&self, target: &Target, stream: TcpStream) -> Result<Box<dyn Stream>, OutboundError> {
        if !target.is_encrypted {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(target.host.clone());
        let name = name.map_err(|_| target.failure("is no name of a server"))?;
        let connector = self.tls.get_or_try_init(system_connector).await;
        let connector = connector.map_err(|error| target.failure(format_args!("TLS: {error}")))?;
        let encrypted = connector.connect(name, stream).await;
        Ok(Box::new(encrypted.map_err(|error| target.failure(format_args!("TLS: {error}")))?))
    }

    /// Sends a request, and returns the response when its headers have arrived.
    async fn send(&self, target: &Target, request: Request<Full<Bytes>>) -> Result<Answer, OutboundError> {
        let limit = self.timeouts.connection;
        let late = |_| target.failure(format_args!("no connection within {limit:?}"));
        let stream = timeout(limit, self.connect(target)).await.map_err(late)??;
        let (reader, writer) = tokio::io::split(stream);
        // A longer response ends early.
        let io = TokioIo::new(tokio::io::join(reader.take(MAX_BYTES), writer));
        let (mut sender, connection) = http1::handshake(io).await.map_err(|error| target.failure(error))?;
        let mut task = JoinSet::new();
        task.spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| target.failure(error))?;
        Ok(Answer { response, _sender: sender, _connection: task })
    }
}

impl Answer {
    /// Reads the rest of the response, so that the server can finish it.
    async fn drain(&mut self) {
        while let Some(Ok(_)) = self.response.body_mut().frame().await {}
    }
}

#[async_trait]
impl Outbound for HttpOutbound {
    async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<u16, OutboundError> {
        let target = Target::parse(url)?;
        let request = target.request(fields)?;
        let limit = self.timeouts.whole;
        let deadline = Instant::now() + limit;
        let late = |_| target.failure(format_args!("no response within {limit:?}"));
        let mut answer = timeout_at(deadline, self.send(&target, request)).await.map_err(late)??;
        // The request is answered, even if the rest of the response is slow, malformed or too long.
        let _ = timeout_at(deadline, answer.drain()).await;
        Ok(answer.response.status().as_u16())
    }
}

impl fmt::Debug for HttpOutbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpOutbound({:?})", self.allowed)
    }
}

/// A TLS client that trusts the certificate authorities of the system.
async fn system_connector() -> Result<TlsConnector, String> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.map_err(|error| error.to_string())?.certs);
    if roots.is_empty() {
        return Err("the system has no certificate authorities".to_owned());
    }
    connector(roots)
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
