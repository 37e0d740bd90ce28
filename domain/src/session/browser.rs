//! The session of a browser on the pages of this service.

use time::{Duration, OffsetDateTime};

use super::cookie::{IDLE, cookie_of};
use super::{Grant, Principal, RevocationReason, Session, SessionKind, end};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{ClientInfo, PlainToken, StoreError};
use crate::{Core, PortFailure};

/// After this time a use is written to the store.
const WRITTEN_AFTER: Duration = Duration::minutes(5);

/// Authenticates the user of a browser by its cookie, and prolongs the session. `None` if the cookie belongs to no live
/// session.
pub async fn authenticate_browser(core: &Core, cookie: &PlainToken) -> Result<Option<Principal>, StoreError> {
    let Some(id) = cookie_of(cookie.expose()) else { return Ok(None) };
    let now = core.clock.now();
    let found = core.store.read().await?.sessions().with_user(id).await?;
    let Some((session, user)) = found else { return Ok(None) };
    let is_its_cookie =
        session.kind == SessionKind::Browser && session.hashed_refresh_token == core.verifier.digest(cookie);
    if !is_its_cookie || !user.is_active || !session.is_live(&user, now) {
        return Ok(None);
    }
    let session = prolong(core, session, now).await?;
    let authenticated_at = session.authenticated_at;
    Ok(Some(Principal { user, grant: Some(Grant { session, authenticated_at }) }))
}

/// Ends the browser session that a login in the same browser replaces. If the user is the same, the applications keep
/// their sessions.
pub async fn replace_browser(
    core: &Core,
    former: &Principal,
    current: &Session,
    client: &ClientInfo,
) -> Result<(), PortFailure> {
    let Some(session) = former.session_id() else { return Ok(()) };
    let user = former.user.id;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user), client };
    let event = trail.event(AuditEventKind::LoggedOut, user, Some(session))?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(user).await?;
    if user == current.user_id {
        unit.sessions().move_to_browser(session, current.id, user).await?;
    }
    if end(unit.as_mut(), session, user, RevocationReason::Logout, trail.at).await? {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Prolongs the session, if the last time is long enough ago. Another request may have changed the session meanwhile:
/// then it stays as it is.
async fn prolong(core: &Core, session: Session, now: OffsetDateTime) -> Result<Session, StoreError> {
    if now - session.last_used_at < WRITTEN_AFTER {
        return Ok(session);
    }
    let expires_at = (now + IDLE).min(session.max_expires_at);
    let digest = &session.hashed_refresh_token;
    let mut unit = core.store.begin().await?;
    unit.users().lock(session.user_id).await?;
    let is_done = unit.sessions().touch(session.id, session.user_id, digest, now, expires_at).await?;
    unit.commit().await?;
    Ok(if is_done { Session { last_used_at: now, expires_at, ..session } } else { session })
}
