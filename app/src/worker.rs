//! What is done besides answering requests.

use std::sync::Arc;
use std::time::Duration;

use inwren_domain::Core;
use inwren_domain::service::housekeeping::{SWEEP_BATCH, sweep_ended_sessions};

const FIRST_SWEEP: Duration = Duration::from_secs(60);
const BETWEEN_SWEEPS: Duration = Duration::from_secs(3_600);
/// Between two batches of one sweep, so that it never keeps anybody waiting.
const BETWEEN_BATCHES: Duration = Duration::from_millis(100);

/// Keeps the store from growing with sessions that ended long ago, until the task is aborted.
pub fn start(core: Arc<Core>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(FIRST_SWEEP).await;
        loop {
            sweep(&core).await;
            tokio::time::sleep(BETWEEN_SWEEPS).await;
        }
    })
}

async fn sweep(core: &Core) {
    let mut swept = 0;
    loop {
        match sweep_ended_sessions(core).await {
            Ok(batch) => {
                swept += batch;
                if batch < u64::from(SWEEP_BATCH) {
                    break;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "ended sessions could not be deleted");
                break;
            }
        }
        tokio::time::sleep(BETWEEN_BATCHES).await;
    }
    if swept > 0 {
        tracing::info!(swept, "deleted ended sessions");
    }
}
