//! Lists and ends the caller's sessions.

use super::{Principal, RevocationReason, Session, end, end_all, end_legacy_tokens};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{AgeCursor, ClientInfo, Page, PageRequest, SessionId};
use crate::{Core, Failure, PortFailure};

/// Why a session was not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user has no such live session. Another user's session gets the same response.
    NotFound,
    /// The caller's session ended meanwhile. Of two sessions that end each other, one succeeds.
    ChangedMeanwhile,
}

/// The caller's session ended meanwhile. Of several sessions that each end all others, one succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedMeanwhile;

/// Returns a page of the caller's live sessions, newest first.
pub async fn list(
    core: &Core,
    principal: &Principal,
    page: PageRequest<AgeCursor<SessionId>>,
) -> Result<Page<Session, AgeCursor<SessionId>>, PortFailure> {
    let mut view = core.store.read().await?;
    Ok(view.sessions().live_of(principal.user.id, core.clock.now(), page).await?)
}

/// Ends one of the caller's sessions; it may be the current one.
pub async fn revoke(
    core: &Core,
    principal: &Principal,
    session: SessionId,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let user = principal.user.id;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::SessionsRevoked, user, Some(session))?;
    let mut unit = core.store.begin().await?;
    let refusal = match super::lock(unit.as_mut(), principal, trail.at).await? {
        None => Some(Refusal::ChangedMeanwhile),
        Some(_) => {
            let reason = RevocationReason::RevokedByUser;
            let revoked = end(unit.as_mut(), session, user, reason, trail.at).await?;
            (!revoked).then_some(Refusal::NotFound)
        }
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Ends all of the caller's sessions except the current one, all legacy tokens, and the trust in all devices. If the
/// caller presents a legacy token, it ends with them.
pub async fn revoke_others(
    core: &Core,
    principal: &Principal,
    client: &ClientInfo,
) -> Result<(), Failure<ChangedMeanwhile>> {
    let user = principal.user.id;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::SessionsRevoked, user, None)?;
    let mut unit = core.store.begin().await?;
    let Some(locked) = super::lock(unit.as_mut(), principal, trail.at).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(ChangedMeanwhile));
    };
    let ended = end_legacy_tokens(core, unit.as_mut(), &locked, trail.at).await?;
    unit.trusted_devices().delete_all(user).await?;
    let current = principal.session_id();
    if end_all(unit.as_mut(), user, current, RevocationReason::RevokedByUser, trail.at).await? > 0 || ended {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
