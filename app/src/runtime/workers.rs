//! Background work beside requests: sweeps, removals of lost factors and checkpoints. [`outbox`](super::outbox) sends
//! letters.

use std::sync::Arc;
use std::time::Duration;

use inwren_domain::Core;
use inwren_domain::store::{Checkpoint, Maintenance};

use super::sweep::{Swept, remove_lost_factors, sweep};

/// The latest time of the first sweep. It leaves startup time for other work.
const FIRST_SWEEP: Duration = Duration::from_secs(60);
/// The interval between checks of the length of SQLite's write-ahead log.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// The interval between checks for lost factors that are due for removal. A letter has announced the time.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(30);

/// Starts the worker that deletes expired data, removes lost factors and checkpoints the write-ahead log. It runs until
/// the task is aborted.
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
        let removals = async {
            loop {
                tokio::time::sleep(BETWEEN_REMOVALS).await;
                remove_once(&core).await;
            }
        };
        tokio::join!(sweeping, removals, checkpoints);
    })
}

async fn sweep_once(core: &Core, maintenance: Option<&dyn Maintenance>) {
    let mut swept = Swept::default();
    if let Err(error) = sweep(core, maintenance, &mut swept).await {
        tracing::warn!(%error, "the sweep of expired data failed");
    }
    if !swept.is_nothing() {
        let Swept { sessions, audit_events, expired, lost_factors, resealed, bytes } = swept;
        tracing::info!(
            sessions,
            audit_events,
            expired,
            lost_factors,
            resealed,
            bytes,
            "deleted expired data"
        );
    }
}

async fn remove_once(core: &Core) {
    let mut decided = 0;
    if let Err(error) = remove_lost_factors(core, &mut decided).await {
        tracing::warn!(%error, "the removal of lost second factors failed");
    }
    if decided > 0 {
        tracing::info!(requests = decided, "decided requests to remove lost second factors");
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
