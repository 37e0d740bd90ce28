use time::OffsetDateTime;

use crate::Core;
use crate::authn::step_up::{StepUpRequired, require_recent};
use crate::kernel::{SessionId, StoreError, UserId};
use crate::session::{Principal, is_still_in};
use crate::store::UnitOfWork;

/// Witness that somebody may administer.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    id: UserId,
    session: SessionId,
    authenticated_at: OffsetDateTime,
}

/// Why a caller may not administer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmin {
    /// The user is no superuser.
    NotPermitted,
    /// The token is of the service before this one, which belongs to no session: a login is needed.
    LoginNeeded,
}

/// There is no such user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFound;

/// Somebody could administer, and cannot any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// The right was taken away while this was under way.
    NotPermitted,
    /// The session ended while this was under way.
    Overtaken,
}

impl Admin {
    /// Decides by the user as stored, not by what the token remembers (OWASP ASVS 5.0, 8.3.2). A token of the legacy
    /// service never authorises: that service may still be running, outside the control of this one.
    pub fn authorise(principal: &Principal) -> Result<Self, NotAdmin> {
        if !principal.user.is_superuser {
            return Err(NotAdmin::NotPermitted);
        }
        let grant = principal.grant.as_ref().ok_or(NotAdmin::LoginNeeded)?;
        Ok(Self {
            id: principal.user.id,
            session: grant.session.id,
            authenticated_at: grant.claims.authenticated_at,
        })
    }

    /// Who it is.
    pub fn id(self) -> UserId {
        self.id
    }

    /// The session that asks.
    pub fn session_id(self) -> SessionId {
        self.session
    }

    /// Checks that the administrator has proved the password recently enough for a sensitive change (OWASP ASVS 5.0, 7.5.1):
    /// one that the own account needs it for elsewhere, or that makes somebody else an administrator, who could do it then.
    pub(super) fn require_recent(self, core: &Core, now: OffsetDateTime) -> Result<(), StepUpRequired> {
        require_recent(self.authenticated_at, now, core.settings.reauthentication_max_age)
    }

    /// Locks the active superusers, and gives them if the witness is still among them and still logged in: what an
    /// administrator writes holds only if nobody took the right or the session away meanwhile.
    pub(crate) async fn confirm(
        self,
        unit: &mut dyn UnitOfWork,
        now: OffsetDateTime,
    ) -> Result<Result<Vec<UserId>, Unconfirmed>, StoreError> {
        let superusers = unit.users().lock_active_superusers().await?;
        if !superusers.contains(&self.id) {
            return Ok(Err(Unconfirmed::NotPermitted));
        }
        let Some(user) = unit.users().lock(self.id).await? else { return Ok(Err(Unconfirmed::NotPermitted)) };
        let is_in = is_still_in(unit, &user, Some(self.session), now).await?;
        Ok(if is_in { Ok(superusers) } else { Err(Unconfirmed::Overtaken) })
    }
}
