//! Ending the session that asks.

use crate::Core;
use crate::model::{AuditEventKind, ClientInfo, RevocationReason};
use crate::service::PortFailure;
use crate::service::audit::Trail;
use crate::service::auth::Principal;

/// Revokes the principal's own session. It is no error if somebody else has just done so.
pub async fn execute(core: &Core, principal: &Principal, client: &ClientInfo) -> Result<(), PortFailure> {
    let (user, session) = (principal.user.id, principal.session.id);
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
