use time::OffsetDateTime;

use crate::Core;
use crate::audit::OPERATOR;
use crate::authn::Acr;
use crate::authn::step_up::{Authentication, StepUpRequired};
use crate::kernel::{SessionId, StoreError, UserId};
use crate::session::{Principal, is_still_in};
use crate::store::UnitOfWork;

/// Proof that the caller may administer users.
#[derive(Clone, Copy, Debug)]
pub struct Admin(Authority);

#[derive(Clone, Copy, Debug)]
enum Authority {
    Superuser { id: UserId, session: SessionId, authentication: Authentication, has_factor: bool },
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
            authentication: grant.authentication(),
            has_factor: principal.user.has_factor(),
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

    /// Checks that the administrator authenticated recently enough, and with a second factor if the administrator has
    /// one, for a sensitive change (OWASP ASVS 5.0, 7.5.1): one that also requires it in self-service, or one that
    /// makes another user an administrator, who could then make such changes.
    pub(super) fn require_recent(self, core: &Core, now: OffsetDateTime) -> Result<(), StepUpRequired> {
        match self.0 {
            Authority::Superuser { has_factor, .. } => self.require(core, has_factor, now),
            Authority::Operator => Ok(()),
        }
    }

    /// Checks that the administrator authenticated recently and with a second factor. One who has none must enrol one.
    pub(super) fn require_second_factor(
        self,
        core: &Core,
        now: OffsetDateTime,
    ) -> Result<(), StepUpRequired> {
        self.require(core, true, now)
    }

    fn require(self, core: &Core, second_factor: bool, now: OffsetDateTime) -> Result<(), StepUpRequired> {
        let Authority::Superuser { authentication, .. } = self.0 else { return Ok(()) };
        let max_age = core.settings.reauthentication_max_age;
        let required = StepUpRequired { max_age, acr: second_factor.then_some(Acr::Aal2) };
        required.check(authentication, now)
    }

    /// Locks the active superusers, and returns them if the administrator is still one of them and still logged in. So
    /// an administrator's write takes effect only if neither the right nor the session was revoked meanwhile. The
    /// operator always is.
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
