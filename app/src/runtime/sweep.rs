//! One pass over what is kept no longer, in small batches with pauses between them.

use std::time::{Duration, Instant};

use inwren_domain::housekeeping::{SWEEP_BATCH, sweep_audit_events, sweep_ended_sessions};
use inwren_domain::store::Maintenance;
use inwren_domain::{Core, PortFailure};

/// A pause is as many times as long as what was done before it, so a sweep takes at most a fifth of a writer's time.
const PAUSE_FACTOR: u32 = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// What a pass has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that were deleted.
    pub sessions: u64,
    /// Audit events that were deleted.
    pub audit_events: u64,
    /// Bytes that were given back to the file system.
    pub bytes: u64,
}

impl Swept {
    /// Whether there was nothing to do.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Deletes all that is kept no longer. What was done before a failure stays done, and is in `swept`.
pub async fn sweep(
    core: &Core,
    maintenance: Option<&dyn Maintenance>,
    swept: &mut Swept,
) -> Result<(), PortFailure> {
    while batch(sweep_ended_sessions(core), &mut swept.sessions).await? {}
    while batch(sweep_audit_events(core), &mut swept.audit_events).await? {}
    let Some(maintenance) = maintenance else { return Ok(()) };
    loop {
        let begun = Instant::now();
        let bytes = maintenance.vacuum().await?;
        if bytes == 0 {
            return Ok(());
        }
        swept.bytes += bytes;
        pause(begun.elapsed()).await;
    }
}

/// Whether there may be more.
async fn batch(
    sweeping: impl Future<Output = Result<u64, PortFailure>>,
    swept: &mut u64,
) -> Result<bool, PortFailure> {
    let begun = Instant::now();
    let count = sweeping.await?;
    *swept += count;
    let is_full = count >= u64::from(SWEEP_BATCH);
    if is_full {
        pause(begun.elapsed()).await;
    }
    Ok(is_full)
}

async fn pause(took: Duration) {
    tokio::time::sleep((took * PAUSE_FACTOR).max(SHORTEST_PAUSE)).await;
}
