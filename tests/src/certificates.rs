//! Certificates that the tests issue, and clients that trust them.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::process::{Connection, Service};

/// The host name in the certificates.
const NAME: &str = "auth.example.org";

/// The certificate authority of one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The chain, PEM.
    pub chain: String,
    /// The private key, PEM.
    pub key: String,
}

impl Authority {
    /// Creates a certificate authority with a new key.
    #[allow(clippy::new_without_default, reason = "no two are the same")]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Issues a certificate for a new key.
    pub fn issue(&self) -> Certificate {
        let params = CertificateParams::new(vec![NAME.to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let issued = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate { der: issued.der().to_vec(), chain: issued.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority and uses these TLS versions.
    pub fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsClient {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let verifier: Arc<dyn ServerCertVerifier> =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("a verifier");
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let builder = builder.expect("a client").dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsClient { config }
    }

    /// A client that trusts this authority.
    pub fn client(&self) -> TlsClient {
        self.client_of(ALL_VERSIONS)
    }
}

/// A TLS client.
#[derive(Clone)]
pub struct TlsClient {
    /// The TLS configuration.
    pub config: ClientConfig,
}

/// An HTTP connection over TLS.
pub type TlsConnection = Connection<StreamOwned<ClientConnection, TcpStream>>;

impl TlsClient {
    /// Connects and completes the TLS handshake.
    pub fn connect(&self, service: &Service) -> io::Result<TlsConnection> {
        self.over(Connection::open(service.address())?, service)
    }

    /// Completes the TLS handshake on an open connection. The test may have sent bytes on it before.
    pub fn over(&self, connection: Connection, service: &Service) -> io::Result<TlsConnection> {
        let name = ServerName::try_from(NAME).expect("a name");
        let session = ClientConnection::new(Arc::new(self.config.clone()), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, connection.into_stream());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection::over(stream, service.address()))
    }
}

/// The certificate that the service presented, DER.
pub fn shown(connection: &TlsConnection) -> Vec<u8> {
    let chain = connection.stream().conn.peer_certificates().expect("a certificate");
    chain.first().expect("a certificate").to_vec()
}

impl Certificate {
    /// Writes both files into a folder, each atomically. Returns the paths of the chain and the key.
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (chain, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        replace(&key, &self.key);
        replace(&chain, &self.chain);
        (chain, key)
    }
}

/// Replaces a file atomically, as tools that renew certificates do.
pub fn replace(path: &Path, content: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = path.with_extension("draft");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .expect("a draft");
    file.write_all(content.as_bytes()).expect("the content");
    std::fs::rename(&draft, path).expect("the file");
}
