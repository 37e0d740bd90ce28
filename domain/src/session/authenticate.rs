use time::OffsetDateTime;

use super::{NotAuthenticated, Session, legacy};
use crate::Core;
use crate::account::User;
use crate::authn::step_up::{StepUpRequired, require_recent};
use crate::kernel::{SessionId, StoreError};
use crate::store::UnitOfWork;
use crate::token::{AccessClaims, InvalidToken};

/// Somebody who has shown a valid access token: the user and the session as they are now, not as the token remembers them.
/// Only [`authenticate`] makes one, and nobody outside the use cases changes it.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(crate) user: User,
    /// None with a token of the service before this one, which belongs to no session.
    pub(crate) grant: Option<Grant>,
}

/// A live session, and what the token says that was shown.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) session: Session,
    pub(crate) claims: AccessClaims,
}

impl Principal {
    /// The user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The session that the token belongs to. A token of the service before this one belongs to none.
    pub fn session(&self) -> Option<&Session> {
        self.grant.as_ref().map(|grant| &grant.session)
    }

    /// The id of that session.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session().map(|session| session.id)
    }

    /// The session of somebody who has proved the password recently enough for a sensitive change. Of a token without a session
    /// it is not known when that was, so that it never does.
    pub(crate) fn require_recent(
        &self,
        core: &Core,
        now: OffsetDateTime,
    ) -> Result<&Session, StepUpRequired> {
        let max_age = core.settings.reauthentication_max_age;
        let grant = self.grant.as_ref().ok_or(StepUpRequired { max_age })?;
        require_recent(grant.claims.authenticated_at, now, max_age)?;
        Ok(&grant.session)
    }
}

/// Whether somebody who was let in would be so still: with this session, or with a token of the service before, which has
/// none. The unit must have locked the user, and `user` be what the lock gave; so what it writes cannot be overtaken by a
/// revocation, however long ago the token was looked at.
pub(crate) async fn is_still_in(
    unit: &mut dyn UnitOfWork,
    user: &User,
    session: Option<SessionId>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    if !user.is_active {
        return Ok(false);
    }
    match session {
        Some(session) => unit.sessions().is_live(session, user.id, now).await,
        None => Ok(legacy::may_have_tokens(user)),
    }
}

/// Finds out whose access token this is. The store is not asked before the signature has been checked, and then once.
pub async fn authenticate(core: &Core, token: &str) -> Result<Principal, NotAuthenticated> {
    let now = core.clock.now();
    match core.verifier.verify_access(token, now) {
        Ok(claims) => {
            let (user, grant) = by_session(core, claims, now).await?;
            Ok(Principal { user, grant: Some(grant) })
        }
        // No token of ours begins like that: it may be one of the service before.
        Err(InvalidToken::Header) => {
            let user = legacy::authenticate(core, token, now).await?;
            Ok(Principal { user, grant: None })
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The session of a verified token, and its user.
pub(super) async fn by_session(
    core: &Core,
    claims: AccessClaims,
    now: OffsetDateTime,
) -> Result<(User, Grant), NotAuthenticated> {
    let found = core.store.read().await?.sessions().with_user(claims.session_id).await?;
    let (session, user) = found.ok_or(NotAuthenticated::SessionEnded)?;
    if user.id != claims.user_id || !session.is_live(&user, now) {
        return Err(NotAuthenticated::SessionEnded);
    }
    if !user.is_active {
        return Err(NotAuthenticated::Inactive);
    }
    Ok((user, Grant { session, claims }))
}
