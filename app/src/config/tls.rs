//! Settings of TLS.

use std::path::PathBuf;

use super::source::Source;

/// The paths of the certificate and its key.
#[derive(Clone, Debug)]
pub struct TlsPaths {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Reads the settings. The outer `None` is an error, the inner `None` means plain HTTP.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn tls(source: &mut Source) -> Option<Option<TlsPaths>> {
    let path = |name| source.text(name).map(PathBuf::from);
    match (path("TLS_CERT_PATH"), path("TLS_KEY_PATH")) {
        (Some(certificate), Some(key)) => Some(Some(TlsPaths { certificate, key })),
        (None, None) => Some(None),
        (Some(_), None) => {
            source.refuse("TLS_CERT_PATH", "needs TLS_KEY_PATH");
            None
        }
        (None, Some(_)) => {
            source.refuse("TLS_KEY_PATH", "needs TLS_CERT_PATH");
            None
        }
    }
}
