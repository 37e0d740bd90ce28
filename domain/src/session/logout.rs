//! Ending the session that asks.

use super::{Principal, RevocationReason, end_legacy_tokens};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{ClientInfo, UserId};
use crate::{Core, PortFailure};

/// Revokes the principal's own session. It is no error if somebody else has just done so. Who has none, but a token of the
/// service before, has all such tokens ended.
pub async fn execute(core: &Core, principal: &Principal, client: &ClientInfo) -> Result<(), PortFailure> {
    let Some(session) = principal.session_id() else {
        return without_session(core, principal.user.id, client).await;
    };
    let user = principal.user.id;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::LoggedOut, user, Some(session))?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(user).await?;
    if unit.sessions().revoke(session, user, RevocationReason::Logout, trail.at).await? {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    Ok(())
}

/// Ends all tokens of the service before that the user has: none of them can be ended alone.
pub(super) async fn without_session(
    core: &Core,
    user: UserId,
    client: &ClientInfo,
) -> Result<(), PortFailure> {
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::LoggedOut, user, None)?;
    let mut unit = core.store.begin().await?;
    if let Some(current) = unit.users().lock(user).await?
        && end_legacy_tokens(core, unit.as_mut(), &current, trail.at).await?
    {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    Ok(())
}
