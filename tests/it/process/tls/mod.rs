//! TLS in the service itself.

mod files;
mod handshake;
mod reload;

use inwren_tests::certificates::{Authority, Certificate};
use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;

/// The configuration of a service with a certificate, in a folder of its own.
struct Served {
    authority: Authority,
    certificate: Certificate,
    program: Program,
    folder: TempFolder,
}

impl Served {
    fn new() -> Self {
        let folder = TempFolder::new();
        let authority = Authority::new();
        let certificate = authority.issue();
        certificate.write(folder.path());
        let program = Program::new(folder.path())
            .env("DATABASE_URL", "memory:")
            .env("TLS_CERT_PATH", "tls.crt")
            .env("TLS_KEY_PATH", "tls.key");
        Self { authority, certificate, program, folder }
    }
}
