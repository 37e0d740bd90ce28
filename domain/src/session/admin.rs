//! Lists and ends a user's sessions, for superusers.

use super::{RevocationReason, Session, end_all, end_legacy_tokens};
use crate::account::admin::{Admin, NotFound, Unconfirmed};
use crate::audit::{AuditEventKind, Trail};
use crate::kernel::{AgeCursor, ClientInfo, Page, PageRequest, SessionId, UserId};
use crate::{Core, Failure};

/// Returns a page of the user's live sessions, newest first.
pub async fn list(
    core: &Core,
    _: Admin,
    id: UserId,
    page: PageRequest<AgeCursor<SessionId>>,
) -> Result<Page<Session, AgeCursor<SessionId>>, Failure<NotFound>> {
    let mut view = core.store.read().await?;
    if view.users().by_id(id).await?.is_none() {
        return Err(Failure::Refused(NotFound));
    }
    Ok(view.sessions().live_of(id, core.clock.now(), page).await?)
}

/// Why the sessions were not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user does not exist.
    NotFound,
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Ends all of the user's sessions, all legacy tokens, and the trust in all devices.
pub async fn revoke_all(
    core: &Core,
    admin: Admin,
    id: UserId,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let trail = Trail { core, at: core.clock.now(), actor: Some(admin.id()), client };
    let event = trail.event(AuditEventKind::SessionsRevoked, id, None)?;
    let mut unit = core.store.begin().await?;
    let found = match admin.confirm(unit.as_mut(), trail.at).await? {
        Err(unconfirmed) => Err(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) => unit.users().lock(id).await?.ok_or(Refusal::NotFound),
    };
    let user = match found {
        Ok(user) => user,
        Err(refusal) => {
            unit.rollback().await?;
            return Err(Failure::Refused(refusal));
        }
    };
    let ended = end_legacy_tokens(core, unit.as_mut(), &user, trail.at).await?;
    unit.trusted_devices().delete_all(id).await?;
    if end_all(unit.as_mut(), id, None, RevocationReason::RevokedByAdmin, trail.at).await? > 0 || ended {
        unit.audit().record(&event).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
