//! Deletes expired data: sessions that ended long ago, old audit events and letters, expired tokens and registrations.
//!
//! Nothing else grows with use: a refresh updates its session's row.
//!
//! Nothing is deleted while the clock [is not settled](crate::kernel::Clock::is_settled).

use crate::provider::AuthorizationCode;
use crate::{Core, PortFailure};

/// Maximum number of rows that one unit of work deletes, so that it holds no lock for long.
pub const SWEEP_BATCH: u16 = 200;

/// Deletes a batch of ended sessions whose retention period is over, and returns their number. A full batch means that
/// there may be more.
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

/// Deletes a batch of audit events whose retention period is over, and returns their number. A full batch means that
/// there may be more.
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

/// How long letters stay in the outbox after they were delivered or died.
const LETTER_RETENTION: time::Duration = time::Duration::days(7);

/// Deletes a batch each of expired action tokens, expired pending registrations, old letters, expired challenges,
/// devices that are no longer trusted, old authorization codes and expired client assertions, and returns their number.
/// A number of at least one full batch means that there may be more.
pub async fn sweep_expired(core: &Core) -> Result<u64, PortFailure> {
    if !core.clock.is_settled() {
        return Ok(0);
    }
    let now = core.clock.now();
    let mut unit = core.store.begin().await?;
    let tokens = unit.action_tokens().sweep(now, SWEEP_BATCH).await?;
    let registrations = unit.pending_registrations().sweep(now, SWEEP_BATCH).await?;
    let letters = unit.outbox().sweep(now - LETTER_RETENTION, SWEEP_BATCH).await?;
    let challenges = unit.challenges().sweep(now, SWEEP_BATCH).await?;
    let devices = unit.trusted_devices().sweep(now, SWEEP_BATCH).await?;
    let codes = unit.authorization_codes().sweep(now - AuthorizationCode::KEPT, SWEEP_BATCH).await?;
    let assertions = unit.clients().sweep_assertions(now, SWEEP_BATCH).await?;
    unit.commit().await?;
    Ok(tokens + registrations + letters + challenges + devices + codes + assertions)
}
