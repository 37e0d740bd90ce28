use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::certificate::{Tls, TlsFileError};
use crate::config::{Environment, TlsPaths};
use crate::runtime::watch::{self, Stamp, Watched};

/// The delay before a second attempt. The certificate and its key are two files, so the first attempt may happen
/// between the two replacements.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// The served certificate and its files.
#[derive(Debug)]
pub struct ServedCertificate {
    paths: TlsPaths,
    environment: Environment,
    tls: Arc<Tls>,
    opened: Vec<Option<Stamp>>,
}

impl ServedCertificate {
    /// Loads and validates the certificate and its key.
    pub fn open(paths: &TlsPaths, environment: Environment) -> Result<Self, TlsFileError> {
        let opened = vec![Stamp::of(&paths.certificate), Stamp::of(&paths.key)];
        let tls = Arc::new(Tls::open(paths, environment)?);
        Ok(Self { paths: paths.clone(), environment, tls, opened })
    }

    /// The TLS configuration.
    pub fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// Polls both files, also immediately on SIGHUP, and switches to a changed certificate if it is valid. Runs until
    /// the task is aborted.
    pub fn watch(self) -> std::io::Result<JoinHandle<()>> {
        let opened = self.opened.clone();
        watch::watch(self, opened)
    }
}

impl Watched for ServedCertificate {
    const REFUSED: &'static str = "the changed TLS certificate is refused; the previous one stays in use";

    fn files(&self) -> Vec<PathBuf> {
        vec![self.paths.certificate.clone(), self.paths.key.clone()]
    }

    async fn reload(&mut self) -> Result<(), String> {
        if self.try_reload().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        self.try_reload().await
    }

    fn announce(&self) {
        tracing::info!(path = %self.paths.certificate.display(), "loaded the TLS certificate");
    }
}

impl ServedCertificate {
    async fn try_reload(&self) -> Result<(), String> {
        let (tls, paths, environment) = (Arc::clone(&self.tls), self.paths.clone(), self.environment);
        let reloaded = tokio::task::spawn_blocking(move || tls.reload(&paths, environment)).await;
        reloaded.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}
