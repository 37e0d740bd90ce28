//! TLS termination by the service: TLS 1.2 and 1.3 with the certificate of `TLS_CERT_PATH`, which may be replaced while
//! the service runs.

mod certificate;
mod trusting;
mod watch;

pub use certificate::{Tls, TlsFileError, TlsFileProblem};
pub use trusting::trusting_client;
pub use watch::ServedCertificate;
