//! Ends the caller's session.

use super::{Principal, RevocationReason, end, end_legacy_tokens};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{ClientInfo, UserId};
use crate::{Core, PortFailure};

/// Revokes the caller's session. It is not an error if another request has just revoked it. A caller with a legacy
/// token has no session; all of their legacy tokens end.
pub async fn execute(core: &Core, principal: &Principal, client: &ClientInfo) -> Result<(), PortFailure> {
    let Some(session) = principal.session_id() else {
        return without_session(core, principal.user.id, client).await;
    };
    let user = principal.user.id;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::LoggedOut, user, Some(session))?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(user).await?;
    if end(unit.as_mut(), session, user, RevocationReason::Logout, trail.at).await? {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Ends all legacy tokens of the user: none of them can be revoked alone.
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
