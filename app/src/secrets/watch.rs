//! Reloads the secret keys when their file changes.

use std::path::PathBuf;
use std::sync::Arc;

use inwren_adapters::crypto::keyring::SharedKeyring;
use tokio::task::JoinHandle;

use super::file::load;
use crate::config::Environment;
use crate::runtime::watch::{self, Stamp, Watched};

pub(super) fn watch(
    path: PathBuf,
    in_force: Option<Stamp>,
    environment: Environment,
    keyring: Arc<SharedKeyring>,
) -> std::io::Result<JoinHandle<()>> {
    watch::watch(WatchedSecrets { path, environment, keyring }, vec![in_force])
}

struct WatchedSecrets {
    path: PathBuf,
    environment: Environment,
    keyring: Arc<SharedKeyring>,
}

impl Watched for WatchedSecrets {
    const REFUSED: &'static str = "the changed secret keys are refused; the previous ones stay in use";

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    async fn reload(&mut self) -> Result<(), String> {
        let (path, environment) = (self.path.clone(), self.environment);
        let keys = tokio::task::spawn_blocking(move || load(&path, environment)).await;
        let keys = keys.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        self.keyring.replace(keys);
        Ok(())
    }

    fn announce(&self) {
        let keys = self.keyring.keys();
        let ids: Vec<u32> = keys.iter().map(|key| key.id.get()).collect();
        tracing::info!(active = keys.active().id.get(), keys = ?ids, "loaded the secret keys");
    }
}
