//! Keeping the store from growing with what is over: sessions that ended long ago, and old audit events.
//!
//! There is nothing else that only grows: a refresh changes its session's row, and nothing is queued for delivery.
//!
//! Nothing is deleted while the clock [is not settled](crate::kernel::Clock::is_settled).

use crate::{Core, PortFailure};

/// How many rows one unit deletes at most, so that no lock is held for long.
pub const SWEEP_BATCH: u16 = 200;

/// Deletes a batch of sessions that ended longer ago than they are kept, and tells how many there were. A full batch
/// means that there may be more.
pub async fn sweep_ended_sessions(core: &Core) -> Result<u64, PortFailure> {
    if !core.clock.is_settled() {
        return Ok(0);
    }
    let before = core.clock.now() - core.settings.retention.ended_sessions;
    let mut unit = core.store.begin().await?;
    let swept = unit.sessions().sweep_ended(before, SWEEP_BATCH).await?;
    unit.commit().await?;
    Ok(swept)
}

/// Deletes a batch of audit events that are older than they are kept, and tells how many there were. A full batch means
/// that there may be more.
pub async fn sweep_audit_events(core: &Core) -> Result<u64, PortFailure> {
    let Some(retention) = core.settings.retention.audit_events else { return Ok(0) };
    if !core.clock.is_settled() {
        return Ok(0);
    }
    let before = core.clock.now() - retention;
    let mut unit = core.store.begin().await?;
    let swept = unit.audit().sweep(before, SWEEP_BATCH).await?;
    unit.commit().await?;
    Ok(swept)
}
