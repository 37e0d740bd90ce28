use time::OffsetDateTime;

use super::issue::may_only_enrol;
use super::{NotAuthenticated, Session, SessionKind, legacy};
use crate::Core;
use crate::account::User;
use crate::authn::Acr;
use crate::authn::step_up::{Authentication, StepUpRequired};
use crate::kernel::{SessionId, StoreError};
use crate::store::UnitOfWork;
use crate::token::{AccessClaims, ApplicationClaims, InvalidToken};

/// An authenticated caller: the user and the session as they are now, not as the token's claims say. Only
/// [`authenticate`] and [`authenticate_browser`](super::authenticate_browser) create one, and only use cases can change
/// it.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(crate) user: User,
    /// `None` for a token of the legacy service, which belongs to no session.
    pub(crate) grant: Option<Grant>,
}

/// A live session, and when the user authenticated according to the presented token or cookie.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) session: Session,
    pub(crate) authenticated_at: OffsetDateTime,
}

impl Principal {
    /// The user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The session that the token belongs to. A token of the legacy service belongs to none.
    pub fn session(&self) -> Option<&Session> {
        self.grant.as_ref().map(|grant| &grant.session)
    }

    /// Whether the caller may only enrol a second factor.
    pub fn may_only_enrol(&self, core: &Core) -> bool {
        match &self.grant {
            Some(grant) => may_only_enrol(core, &self.user, &grant.session),
            // The legacy service knows no second factor.
            None => core.settings.factors.required_for.requires(&self.user),
        }
    }

    /// The id of that session.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session().map(|session| session.id)
    }

    /// Returns the session if the user authenticated recently enough, and with a second factor if the user has one, for
    /// a sensitive change.
    pub(crate) fn require_recent(
        &self,
        core: &Core,
        now: OffsetDateTime,
    ) -> Result<&Session, StepUpRequired> {
        self.require(core, Acr::Aal2, now)
    }

    /// Returns the session if the user authenticated recently enough, with the highest assurance that the user can
    /// reach, for a change of the factors themselves.
    pub(crate) fn require_strongest(
        &self,
        core: &Core,
        now: OffsetDateTime,
    ) -> Result<&Session, StepUpRequired> {
        self.require(core, self.user.highest_acr, now)
    }

    /// A token without a session never qualifies, because its authentication time is unknown.
    fn require(&self, core: &Core, acr: Acr, now: OffsetDateTime) -> Result<&Session, StepUpRequired> {
        let acr = self.user.has_factor().then_some(acr);
        let required = StepUpRequired { max_age: core.settings.reauthentication_max_age, acr };
        let grant = self.grant.as_ref().ok_or(required)?;
        required.check(grant.authentication(), now)?;
        Ok(&grant.session)
    }
}

impl Grant {
    /// When and how strongly the user authenticated.
    pub(crate) fn authentication(&self) -> Authentication {
        Authentication { at: self.authenticated_at, acr: self.session.assurance.acr }
    }
}

/// Whether a caller who was authenticated still is: by this session, or by a legacy token, which has none. The unit
/// must have locked the user, and `user` must be what the lock returned. So no revocation can overtake the unit's
/// writes, however long ago the token was verified.
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

/// Authenticates a caller by an access token. It verifies the signature first, then reads the store: once for a token
/// of this service.
///
/// It refuses a session that [may only enrol](NotAuthenticated::MayOnlyEnrol) a second factor.
pub async fn authenticate(core: &Core, token: &str) -> Result<Principal, NotAuthenticated> {
    let principal = authenticate_to_enrol(core, token).await?;
    if principal.may_only_enrol(core) { Err(NotAuthenticated::MayOnlyEnrol) } else { Ok(principal) }
}

/// Authenticates a caller as [`authenticate`] does, also for a session that may only enrol a second factor. Only
/// operations of the enrolment and of the caller's own session may call this.
pub async fn authenticate_to_enrol(core: &Core, token: &str) -> Result<Principal, NotAuthenticated> {
    let now = core.clock.now();
    match core.verifier.verify_access(token, now) {
        Ok(claims) => {
            // The tokens of an application are for resource servers, and not for the user's own account.
            if claims.application.is_some() {
                return Err(InvalidToken::Claims.into());
            }
            let (user, session) = by_session(core, &claims, now).await?;
            let authenticated_at = claims.authenticated_at;
            Ok(Principal { user, grant: Some(Grant { session, authenticated_at }) })
        }
        // No token of this service has such a header: it may be a legacy token.
        Err(InvalidToken::Header) => {
            let user = legacy::authenticate(core, token, now).await?;
            Ok(Principal { user, grant: None })
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Authenticates an application by its access token, and returns what it may do and for which user.
pub(crate) async fn authenticate_application(
    core: &Core,
    token: &str,
) -> Result<(ApplicationClaims, User), NotAuthenticated> {
    let now = core.clock.now();
    let claims = core.verifier.verify_access(token, now)?;
    let Some(application) = &claims.application else { return Err(InvalidToken::Claims.into()) };
    let (user, session) = by_session(core, &claims, now).await?;
    if !is_active(core, application, &session).await? {
        return Err(NotAuthenticated::SessionEnded);
    }
    Ok((application.clone(), user))
}

/// Whether the application of a token exists, is active and holds the session.
pub(super) async fn is_active(
    core: &Core,
    application: &ApplicationClaims,
    session: &Session,
) -> Result<bool, StoreError> {
    let found = core.store.read().await?.clients().by_id(&application.client_id).await?;
    let client = found.filter(|client| client.is_active());
    let holder = session.grant().map(|grant| grant.client);
    Ok(client.is_some_and(|client| holder == Some(client.uid)))
}

/// Returns the session of a verified token, and its user.
pub(super) async fn by_session(
    core: &Core,
    claims: &AccessClaims,
    now: OffsetDateTime,
) -> Result<(User, Session), NotAuthenticated> {
    let found = core.store.read().await?.sessions().with_user(claims.session_id).await?;
    let (session, user) = found.ok_or(NotAuthenticated::SessionEnded)?;
    // A re-key ends the access tokens from before it (OWASP ASVS 5.0, 7.2.4).
    let is_superseded = claims.id.generation().unwrap_or(0) < session.rekeyed_generation;
    let is_held = match session.kind {
        SessionKind::Api => claims.application.is_none(),
        SessionKind::Application(_) => claims.application.is_some(),
        SessionKind::Browser => false,
    };
    if user.id != claims.user_id || is_superseded || !is_held || !session.is_live(&user, now) {
        return Err(NotAuthenticated::SessionEnded);
    }
    if !user.is_active {
        return Err(NotAuthenticated::Inactive);
    }
    Ok((user, session))
}
