//! Keeping the store from growing with what is over.

use time::Duration;

use crate::Core;
use crate::service::PortFailure;

/// For how long an ended session is kept, so that an operator can still see what became of it.
pub const ENDED_SESSION_RETENTION: Duration = Duration::days(30);
/// How many sessions one unit deletes at most, so that no lock is held for long.
pub const SWEEP_BATCH: u16 = 500;

/// Deletes a batch of sessions that ended long ago, and tells how many there were. A full batch means that there may
/// be more.
pub async fn sweep_ended_sessions(core: &Core) -> Result<u64, PortFailure> {
    let before = core.clock.now() - ENDED_SESSION_RETENTION;
    let mut unit = core.store.begin().await?;
    let swept = unit.sessions().sweep_ended(before, SWEEP_BATCH).await?;
    unit.commit().await?;
    Ok(swept)
}
