//! Noticing that the keys have changed.

use std::path::PathBuf;
use std::sync::Arc;

use inwren_domain::kernel::Clock;
use inwren_domain::token::KeyDirectory as _;
use tokio::task::JoinHandle;

use super::open::{KeyStore, Opened};
use crate::runtime::watch::{self, Stamp, Watched};
use crate::wiring::Tokens;

/// Looks at the manifest again and again, and at once on SIGHUP, and goes over to changed keys if all of them are good;
/// until the task is aborted.
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
    /// The manifest that is in force.
    manifest: Option<Stamp>,
}

impl Watched for WatchedKeys {
    const REFUSED: &'static str = "the changed signing keys are refused; the ones before go on";

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
        tracing::info!(signs = kids.first().copied().unwrap_or_default(), keys = ?kids, "read the signing keys");
    }
}

impl WatchedKeys {
    /// Without a manifest nothing says what becomes of the tokens of the key before, so it has to be the same.
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
            "PRIVATE_KEY_PATH: {} is another key; change keys with `inwren keys rotate`",
            self.store.paths.private.display()
        ))
    }
}
