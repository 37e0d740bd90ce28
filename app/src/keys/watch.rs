//! Reloads the signing keys when they change.

use std::path::PathBuf;
use std::sync::Arc;

use inwren_domain::kernel::Clock;
use inwren_domain::token::KeyDirectory as _;
use tokio::task::JoinHandle;

use super::open::{KeyStore, Opened};
use crate::runtime::watch::{self, Stamp, Watched};
use crate::wiring::Tokens;

/// Polls the manifest, also immediately on SIGHUP, and switches to changed keys if all of them are valid. Runs until
/// the task is aborted.
pub fn watch(
    store: KeyStore,
    opened: &Opened,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
) -> std::io::Result<JoinHandle<()>> {
    let keys = WatchedKeys { store, tokens, clock, manifest: opened.manifest };
    watch::watch(keys, vec![opened.manifest])
}

struct WatchedKeys {
    store: KeyStore,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    /// The version of the manifest in force.
    manifest: Option<Stamp>,
}

impl Watched for WatchedKeys {
    const REFUSED: &'static str = "the changed signing keys are refused; the previous ones stay in use";

    fn files(&self) -> Vec<PathBuf> {
        vec![self.store.paths.manifest()]
    }

    async fn reload(&mut self) -> Result<(), String> {
        let (store, now) = (self.store.clone(), self.clock.now());
        let opened = tokio::task::spawn_blocking(move || store.open(now)).await;
        let opened = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if opened.manifest.is_none() {
            self.check_single(&opened)?;
        }
        self.tokens
            .replace_keys(&opened.keys)
            .map_err(|error| format!("PRIVATE_KEY_PATH: the key {error}"))?;
        self.manifest = opened.manifest;
        Ok(())
    }

    fn announce(&self) {
        let keys = self.tokens.published(self.clock.now());
        let kids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        tracing::info!(signs = kids.first().copied().unwrap_or_default(), keys = ?kids, "loaded the signing keys");
    }
}

impl WatchedKeys {
    /// Checks the key without a manifest. It must be unchanged, because nothing would say whether tokens of a previous
    /// key are still valid.
    fn check_single(&self, opened: &Opened) -> Result<(), String> {
        let path = self.store.paths.manifest();
        if self.manifest.is_some() {
            return Err(format!("PRIVATE_KEY_PATH: {} is gone", path.display()));
        }
        let known = self.tokens.published(self.clock.now());
        let same = |kid: &str| known.iter().any(|key| key.id == kid);
        if opened.keys.keys.iter().all(|key| same(key.pair.public().id())) {
            return Ok(());
        }
        Err(format!(
            "PRIVATE_KEY_PATH: {} now contains a different key; change keys with `inwren keys rotate`",
            self.store.paths.private.display()
        ))
    }
}
