//! Ending the session of whoever holds a token (RFC 7009).

use super::{NotAuthenticated, RevocationReason, legacy, logout};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{ClientInfo, PlainToken, SessionId, UserId};
use crate::{Core, Failure};

/// It is a service client's own token, which belongs to no session (RFC 7009 section 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasNoSession;

/// Revokes the session of an access or a refresh token; with an access token of the service before, all such tokens of its
/// user. Its possession is enough: whoever has it could do worse. A token
/// that is not ours, or good no more, is no error (RFC 7009 section 2.2).
pub async fn execute(
    core: &Core,
    token: &PlainToken,
    client: &ClientInfo,
) -> Result<(), Failure<HasNoSession>> {
    let Some((session, user)) = session_of(core, token) else {
        let now = core.clock.now();
        if core.verifier.verify_client(token.expose(), now).is_ok() {
            return Err(Failure::Refused(HasNoSession));
        }
        return match legacy::authenticate(core, token.expose(), now).await {
            Ok(user) => Ok(logout::without_session(core, user.id, client).await?),
            Err(NotAuthenticated::Store(error)) => Err(error.into()),
            Err(_) => Ok(()),
        };
    };
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

fn session_of(core: &Core, token: &PlainToken) -> Option<(SessionId, UserId)> {
    let (token, now) = (token.expose(), core.clock.now());
    if let Ok(claims) = core.verifier.verify_refresh(token, now) {
        return Some((claims.session_id, claims.user_id));
    }
    let claims = core.verifier.verify_access(token, now).ok()?;
    Some((claims.session_id, claims.user_id))
}
