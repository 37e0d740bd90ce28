use time::OffsetDateTime;

use crate::Core;
use crate::audit::OPERATOR;
use crate::authn::step_up::{StepUpRequired, require_recent};
use crate::kernel::{SessionId, StoreError, UserId};
use crate::session::{Principal, is_still_in};
use crate::store::UnitOfWork;

/// Proof that the caller may administer users.
#[derive(Clone, Copy, Debug)]
pub struct Admin(Authority);

#[derive(Clone, Copy, Debug)]
enum Authority {
    Superuser { id: UserId, session: SessionId, authenticated_at: OffsetDateTime },
    Operator,
}

/// Why a caller may not administer users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmin {
    /// The user is not a superuser.
    NotPermitted,
    /// The token is one of the legacy service, which belongs to no session: the user has to log in.
    LoginNeeded,
}

/// The user does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFound;

/// The caller was authorised to administer users, but no longer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// The user is no longer an active superuser.
    NotPermitted,
    /// The session ended meanwhile.
    ChangedMeanwhile,
}

impl Admin {
    /// Authorises by the stored user, not by the token's claims (OWASP ASVS 5.0, 8.3.2). A token of the legacy service
    /// never authorises: that service may still be running, outside the control of this one.
    pub fn authorise(principal: &Principal) -> Result<Self, NotAdmin> {
        if !principal.user.is_superuser {
            return Err(NotAdmin::NotPermitted);
        }
        let grant = principal.grant.as_ref().ok_or(NotAdmin::LoginNeeded)?;
        Ok(Self(Authority::Superuser {
            id: principal.user.id,
            session: grant.session.id,
            authenticated_at: grant.claims.authenticated_at,
        }))
    }

    /// The operator of the machine, who can already read and write the database. Only the command line may call this: a
    /// test of the architecture forbids it elsewhere. The operator has no session, and follows all other rules.
    pub fn operator() -> Self {
        Self(Authority::Operator)
    }

    /// The administrator's user id, or [`OPERATOR`].
    pub fn id(self) -> UserId {
        match self.0 {
            Authority::Superuser { id, .. } => id,
            Authority::Operator => OPERATOR,
        }
    }

    /// The administrator's session. The operator has none.
    pub fn session_id(self) -> Option<SessionId> {
        match self.0 {
            Authority::Superuser { session, .. } => Some(session),
            Authority::Operator => None,
        }
    }

    /// Checks that the administrator authenticated recently enough for a sensitive change (OWASP ASVS 5.0, 7.5.1): one
    /// that also requires it in self-service, or one that makes another user an administrator, who could then make such
    /// changes.
    pub(super) fn require_recent(self, core: &Core, now: OffsetDateTime) -> Result<(), StepUpRequired> {
        match self.0 {
            Authority::Superuser { authenticated_at, .. } => {
                require_recent(authenticated_at, now, core.settings.reauthentication_max_age)
            }
            Authority::Operator => Ok(()),
        }
    }

    /// Locks the active superusers, and returns them if the administrator is still one of them and still logged in. So
    /// an administrator's write takes effect only if neither the right nor the session was revoked meanwhile. The operator
    /// always is.
    pub(crate) async fn confirm(
        self,
        unit: &mut dyn UnitOfWork,
        now: OffsetDateTime,
    ) -> Result<Result<Vec<UserId>, Unconfirmed>, StoreError> {
        let superusers = unit.users().lock_active_superusers().await?;
        let Authority::Superuser { id, session, .. } = self.0 else { return Ok(Ok(superusers)) };
        if !superusers.contains(&id) {
            return Ok(Err(Unconfirmed::NotPermitted));
        }
        let Some(user) = unit.users().lock(id).await? else { return Ok(Err(Unconfirmed::NotPermitted)) };
        let is_in = is_still_in(unit, &user, Some(session), now).await?;
        Ok(if is_in { Ok(superusers) } else { Err(Unconfirmed::ChangedMeanwhile) })
    }
}
