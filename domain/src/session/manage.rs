//! Seeing and ending the own sessions.

use super::{Principal, RevocationReason, Session, end_legacy_tokens};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{AgeCursor, ClientInfo, Page, PageRequest, SessionId};
use crate::{Core, Failure, PortFailure};

/// Why a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such live session of this user. Somebody else's is answered in the same way.
    NotFound,
    /// The own session ended while this was under way. Of two that would end each other one does.
    Overtaken,
}

/// The own session ended while this was under way. Of several that would each end all others one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken;

/// A page of the caller's live sessions, newest first.
pub async fn list(
    core: &Core,
    principal: &Principal,
    page: PageRequest<AgeCursor<SessionId>>,
) -> Result<Page<Session, AgeCursor<SessionId>>, PortFailure> {
    let mut view = core.store.read().await?;
    Ok(view.sessions().live_of(principal.user.id, core.clock.now(), page).await?)
}

/// Ends one of the own sessions; it may be the current one.
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
        None => Some(Refusal::Overtaken),
        Some(_) => {
            let reason = RevocationReason::RevokedByUser;
            let revoked = unit.sessions().revoke(session, user, reason, trail.at).await?;
            (!revoked).then_some(Refusal::NotFound)
        }
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(())
}

/// Ends all of the own sessions but the current one, and all tokens of the service before: the current one with them, if it is
/// of those.
pub async fn revoke_others(
    core: &Core,
    principal: &Principal,
    client: &ClientInfo,
) -> Result<(), Failure<Overtaken>> {
    let user = principal.user.id;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::SessionsRevoked, user, None)?;
    let mut unit = core.store.begin().await?;
    let Some(locked) = super::lock(unit.as_mut(), principal, trail.at).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(Overtaken));
    };
    let ended = end_legacy_tokens(core, unit.as_mut(), &locked, trail.at).await?;
    let current = principal.session_id();
    if unit.sessions().revoke_all(user, current, RevocationReason::RevokedByUser, trail.at).await? > 0
        || ended
    {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    Ok(())
}
