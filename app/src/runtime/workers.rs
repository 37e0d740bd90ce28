//! Background work beside requests: sweeps and checkpoints. [`outbox`](super::outbox) sends letters.

use std::sync::Arc;
use std::time::Duration;

use inwren_domain::Core;
use inwren_domain::store::{Checkpoint, Maintenance};

use super::sweep::{Swept, sweep};

/// The latest time of the first sweep. It leaves startup time for other work.
const FIRST_SWEEP: Duration = Duration::from_secs(60);
/// The interval between checks of the length of SQLite's write-ahead log.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// Starts the worker that deletes expired data and checkpoints the write-ahead log. It runs until the task is aborted.
pub fn start(
    core: Arc<Core>,
    maintenance: Option<Arc<dyn Maintenance>>,
    between_sweeps: Duration,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let sweeping = async {
            tokio::time::sleep(FIRST_SWEEP.min(between_sweeps)).await;
            loop {
                sweep_once(&core, maintenance.as_deref()).await;
                tokio::time::sleep(between_sweeps).await;
            }
        };
        let checkpoints = async {
            loop {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                if let Some(maintenance) = &maintenance {
                    checkpoint(&**maintenance).await;
                }
            }
        };
        tokio::join!(sweeping, checkpoints);
    })
}

async fn sweep_once(core: &Core, maintenance: Option<&dyn Maintenance>) {
    let mut swept = Swept::default();
    if let Err(error) = sweep(core, maintenance, &mut swept).await {
        tracing::warn!(%error, "the sweep of expired data failed");
    }
    if !swept.is_nothing() {
        let Swept { sessions, audit_events, letters, bytes } = swept;
        tracing::info!(sessions, audit_events, letters, bytes, "deleted expired data");
    }
}

async fn checkpoint(maintenance: &dyn Maintenance) {
    match maintenance.checkpoint().await {
        Ok(Checkpoint::Done) => {}
        Ok(Checkpoint::Blocked) => tracing::warn!(
            "a long read blocks the checkpoint of SQLite's write-ahead log, which grows meanwhile"
        ),
        Err(error) => tracing::warn!(%error, "the checkpoint of SQLite's write-ahead log failed"),
    }
}
