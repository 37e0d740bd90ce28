//! What is done besides answering requests.
//!
//! There is nothing to deliver, so there is no queue: what has to be told is an audit event, and is there once the unit
//! that it tells of has committed.

use std::sync::Arc;
use std::time::Duration;

use inwren_domain::Core;
use inwren_domain::store::{Checkpoint, Maintenance};

use super::sweep::{Swept, sweep};

/// At the latest; a start has other things to do.
const FIRST_SWEEP: Duration = Duration::from_secs(60);
/// How often the length of SQLite's write-ahead log is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// Keeps the store from growing with what is over, until the task is aborted.
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
        tracing::warn!(%error, "what is kept no longer could not all be deleted");
    }
    if !swept.is_nothing() {
        let Swept { sessions, audit_events, bytes } = swept;
        tracing::info!(sessions, audit_events, bytes, "deleted what is kept no longer");
    }
}

async fn checkpoint(maintenance: &dyn Maintenance) {
    match maintenance.checkpoint().await {
        Ok(Checkpoint::Done) => {}
        Ok(Checkpoint::Blocked) => tracing::warn!("a long read keeps SQLite's write-ahead log growing"),
        Err(error) => tracing::warn!(%error, "SQLite's write-ahead log could not be shortened"),
    }
}
