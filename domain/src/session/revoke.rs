//! Token revocation (RFC 7009): ends the session of a token.

use super::{NotAuthenticated, RevocationReason, end, legacy, logout};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{ClientInfo, PlainToken, SessionId, UserId};
use crate::{Core, Failure};

/// A client got the token on its own behalf, so it belongs to no session (RFC 7009 section 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasNoSession;

/// Revokes the session of an access or refresh token; for a legacy access token, all legacy tokens of its user.
/// Possession of the token is enough: its holder could do worse. An unknown, expired or revoked token is not an error
/// (RFC 7009 section 2.2).
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
    if end(unit.as_mut(), session, user, RevocationReason::Logout, trail.at).await? {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    core.letters_queued();
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
