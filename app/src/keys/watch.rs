//! Noticing that the keys have changed.

use std::sync::Arc;
use std::time::Duration;

use inwren_domain::ports::{Clock, KeyDirectory as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::manifest::Stamp;
use super::open::{KeyStore, Opened};
use crate::wiring::Tokens;

/// How often the manifest is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Looks at the manifest again and again, and at once on SIGHUP, and goes over to changed keys if all of them are good;
/// until the task is aborted.
pub fn watch(
    store: KeyStore,
    opened: &Opened,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
) -> std::io::Result<JoinHandle<()>> {
    let hangup = signal(SignalKind::hangup())?;
    let watcher = Watcher { store, tokens, clock, manifest: opened.manifest, complaint: None };
    Ok(tokio::spawn(watcher.run(hangup)))
}

struct Watcher {
    store: KeyStore,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    /// The manifest that is in force.
    manifest: Option<Stamp>,
    /// What was wrong the last time, which is not said twice.
    complaint: Option<String>,
}

impl Watcher {
    async fn run(mut self, mut hangup: Signal) {
        loop {
            let told = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(BETWEEN_LOOKS) => false,
            };
            self.look(told).await;
        }
    }

    async fn look(&mut self, told: bool) {
        let path = self.store.paths.manifest();
        let Ok(stamp) = tokio::task::spawn_blocking(move || Stamp::of(&path)).await else { return };
        if stamp == self.manifest && !told {
            return;
        }
        match self.reload().await {
            Ok(manifest) => {
                self.manifest = manifest;
                self.complaint = None;
                self.announce();
            }
            Err(problem) => {
                if told || self.complaint.as_ref() != Some(&problem) {
                    tracing::error!(%problem, "the changed signing keys are refused; the ones before go on");
                }
                self.complaint = Some(problem);
            }
        }
    }

    /// Goes over to the keys as they are on disk, all or none, and tells of which manifest they are.
    async fn reload(&self) -> Result<Option<Stamp>, String> {
        let (store, now) = (self.store.clone(), self.clock.now());
        let opened = tokio::task::spawn_blocking(move || store.open(now)).await;
        let opened = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if opened.manifest.is_none() {
            self.check_single(&opened)?;
        }
        self.tokens
            .replace_keys(&opened.keys)
            .map_err(|error| format!("PRIVATE_KEY_PATH: the key {error}"))?;
        Ok(opened.manifest)
    }

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

    fn announce(&self) {
        let keys = self.tokens.published(self.clock.now());
        let kids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        tracing::info!(signs = kids.first().copied().unwrap_or_default(), keys = ?kids, "read the signing keys");
    }
}
