//! Opening the secret keys of a service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inwren_adapters::crypto::keyring::{SecretKeys, SharedKeyring};
use inwren_domain::kernel::Entropy;
use inwren_domain::keyring::Keyring;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::change::generate;
use super::file::{SecretFileError, load};
use super::watch;
use crate::config::{Environment, SecretKeyFile};
use crate::runtime::watch::Stamp;

/// The secret keys of a service.
pub struct OpenedSecrets {
    keyring: Arc<SharedKeyring>,
    /// The file and the version of it that was loaded. `None` if the keys exist only in memory.
    file: Option<(PathBuf, Option<Stamp>)>,
    environment: Environment,
}

/// Loads the secret keys. In development, creates a missing file. In production, `None` if the file is missing and
/// nothing needs it.
pub fn open_to_serve(
    settings: &SecretKeyFile,
    environment: Environment,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<Option<OpenedSecrets>, SecretFileError> {
    let path = &settings.path;
    if environment == Environment::Development && !path.exists() {
        match generate(path, now, entropy) {
            Ok(_) => tracing::info!(path = %path.display(), "created a secret key"),
            // Another process that started at the same time has created it first.
            Err(SecretFileError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let stamp = Stamp::of(path);
    match load(path, environment) {
        Ok(keys) => Ok(Some(OpenedSecrets {
            keyring: Arc::new(SharedKeyring::new(keys)),
            file: Some((path.clone(), stamp)),
            environment,
        })),
        Err(SecretFileError::Missing { .. }) if !settings.is_required => Ok(None),
        Err(error) => Err(error),
    }
}

/// Loads the secret keys for a command.
pub fn keyring(path: &Path, environment: Environment) -> Result<Arc<dyn Keyring>, SecretFileError> {
    Ok(Arc::new(SharedKeyring::new(load(path, environment)?)))
}

impl OpenedSecrets {
    /// A key that exists only in memory.
    pub fn in_memory(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Self, SecretFileError> {
        let keyring = Arc::new(SharedKeyring::new(SecretKeys::generate(now, entropy)?));
        Ok(Self { keyring, file: None, environment: Environment::Development })
    }

    /// The keys, for the use cases.
    pub fn keyring(&self) -> Arc<dyn Keyring> {
        Arc::clone(&self.keyring) as _
    }

    /// Polls the file, if there is one, also immediately on SIGHUP, and switches to changed keys if they are valid. Runs
    /// until the task is aborted.
    pub fn watch(self) -> std::io::Result<Option<JoinHandle<()>>> {
        let Some((path, stamp)) = self.file else { return Ok(None) };
        watch::watch(path, stamp, self.environment, self.keyring).map(Some)
    }
}
