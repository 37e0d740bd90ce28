//! The certificate and its key: loading, validating and replacing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use inwren_adapters::pem;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, ServerConfig};
use zeroize::Zeroizing;

use crate::config::{Environment, TlsPaths};
use crate::runtime::private_file::{self, Exposure};

/// The protocol inside TLS. The service speaks only HTTP/1.1.
const ALPN: &[u8] = b"http/1.1";
const CERTIFICATE: &str = "TLS_CERT_PATH";
const KEY: &str = "TLS_KEY_PATH";

/// The TLS configuration. Connections keep the one that they started with when it is replaced.
#[derive(Debug)]
pub struct Tls {
    in_force: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Loads the certificate and the key, and checks that they match.
    pub(super) fn open(paths: &TlsPaths, environment: Environment) -> Result<Self, TlsFileError> {
        let config = Arc::new(load(paths, environment)?);
        Ok(Self { in_force: RwLock::new(config) })
    }

    /// The configuration for the next connection.
    pub fn in_force(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads both files again. If they are invalid, the previous configuration stays in force.
    pub(super) fn reload(&self, paths: &TlsPaths, environment: Environment) -> Result<(), TlsFileError> {
        let config = Arc::new(load(paths, environment)?);
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

/// Why TLS cannot be used. The message names the variable and the file, and nothing of its content.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {path} {problem}", path = .path.display())]
pub struct TlsFileError {
    /// The variable that names the file.
    pub variable: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: TlsFileProblem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileProblem {
    /// It does not exist.
    #[error("does not exist")]
    Missing,
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(ErrorKind),
    /// It contains no certificate.
    #[error("has no certificate (PEM)")]
    NoCertificate,
    /// It contains no private key.
    #[error("has no private key (PEM: PKCS#8, PKCS#1 or SEC1)")]
    NoKey,
    /// The private key in it is encrypted.
    #[error("is encrypted; it has to be a plain private key with the mode 600")]
    Encrypted,
    /// Its content cannot be used.
    #[error("cannot be used: {0}")]
    Unusable(Error),
    /// The private key does not match the certificate.
    #[error("does not belong to the certificate of TLS_CERT_PATH")]
    Foreign,
    /// Other users may read or replace the private key.
    #[error(transparent)]
    Exposed(Exposure),
}

fn load(paths: &TlsPaths, environment: Environment) -> Result<ServerConfig, TlsFileError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let of_certificate = |problem| refused(CERTIFICATE, &paths.certificate, problem);
    let of_key = |problem| refused(KEY, &paths.key, problem);
    let chain = certificates(&read(&paths.certificate).map_err(of_certificate)?).map_err(of_certificate)?;
    let pem = read(&paths.key).map_err(of_key)?;
    check_permissions(&paths.key, environment).map_err(of_key)?;
    let key = private_key(&pem, &provider).map_err(of_key)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(tokio_rustls::rustls::InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => return Err(of_key(TlsFileProblem::Foreign)),
        Err(error) => return Err(of_certificate(TlsFileProblem::Unusable(error))),
    }
    let unusable = |error| of_certificate(TlsFileProblem::Unusable(error));
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(unusable)?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn refused(variable: &'static str, path: &Path, problem: TlsFileProblem) -> TlsFileError {
    TlsFileError { variable, path: path.to_owned(), problem }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFileProblem> {
    fs::read(path).map(Zeroizing::new).map_err(|error| match error.kind() {
        ErrorKind::NotFound => TlsFileProblem::Missing,
        kind => TlsFileProblem::Io(kind),
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFileProblem> {
    let text = String::from_utf8_lossy(pem);
    let certificates = pem::blocks(&text).filter(pem::Block::is_certificate);
    let chain: Option<Vec<_>> =
        certificates.map(|block| Some(CertificateDer::from(block.der()?.to_vec()))).collect();
    chain.filter(|chain| !chain.is_empty()).ok_or(TlsFileProblem::NoCertificate)
}

fn private_key(
    pem: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<dyn tokio_rustls::rustls::sign::SigningKey>, TlsFileProblem> {
    let text = String::from_utf8_lossy(pem);
    let block = pem::blocks(&text).find(|block| block.label.ends_with("PRIVATE KEY"));
    let block = block.ok_or(TlsFileProblem::NoKey)?;
    if block.label.starts_with("ENCRYPTED") || block.has_old_encryption() {
        return Err(TlsFileProblem::Encrypted);
    }
    let der = block.der().ok_or(TlsFileProblem::NoKey)?.to_vec();
    let key = match block.label {
        "PRIVATE KEY" => PrivateKeyDer::Pkcs8(der.into()),
        "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(der.into()),
        "EC PRIVATE KEY" => PrivateKeyDer::Sec1(der.into()),
        _ => return Err(TlsFileProblem::NoKey),
    };
    provider.key_provider.load_private_key(key).map_err(TlsFileProblem::Unusable)
}

/// Checks the permissions, as for signing keys: production rejects a key that other users may read or replace,
/// development warns.
fn check_permissions(path: &Path, environment: Environment) -> Result<(), TlsFileProblem> {
    let failed = |error: std::io::Error| TlsFileProblem::Io(error.kind());
    if let Some(owner) = private_file::foreign_owner(path).map_err(failed)? {
        tracing::warn!(path = %path.display(), owner, "the TLS key belongs to another user, who can replace it");
    }
    match private_file::exposure(path).map_err(failed)? {
        Some(exposure) if environment == Environment::Production => Err(TlsFileProblem::Exposed(exposure)),
        Some(exposure) => {
            tracing::warn!(path = %path.display(), "the TLS key {exposure}");
            Ok(())
        }
        None => Ok(()),
    }
}
