//! Starts a session for an authenticated user.

use time::{Duration, OffsetDateTime};

use super::issue::whole_seconds;
use super::{
    ClientGrant, Holder, Session, SessionKind, SessionStart, SessionStartOutcome, access_token, cookie,
    live_token, new_device, refresh_expiry,
};
use crate::account::User;
use crate::audit::{AuditEventKind, Trail};
use crate::authn::{Assurance, Proven};
use crate::client::Client;
use crate::kernel::{ClientInfo, PlainToken, SessionId, TokenDigest, TokenId};
use crate::store::UnitOfWork;
use crate::token::TokenPair;
use crate::{Core, Failure, PortFailure};

/// A credential was changed, or the account deactivated, since the user authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangedMeanwhile;

/// A session that is ready to start. Nothing is stored yet.
pub(crate) struct Prepared {
    start: SessionStart,
    token: PlainToken,
}

/// A session that has started or was re-keyed, with its live token: a refresh token, or the cookie of a browser.
#[derive(Debug)]
pub struct Started {
    /// The session.
    pub session: Session,
    /// The user, as the store found them.
    pub user: User,
    /// The live token.
    pub token: PlainToken,
}

impl Started {
    /// Issues the tokens of a session of the API.
    pub fn into_tokens(self, core: &Core) -> Result<TokenPair, PortFailure> {
        let at = self.session.last_used_at;
        let (access_token, expires_in) = access_token(core, &self.session, &self.user, Holder::Api, at)?;
        Ok(TokenPair { access_token, refresh_token: self.token, expires_in })
    }
}

/// How long a session lasts that may only enrol a second factor.
const ENROLMENT_LIFETIME: Duration = Duration::minutes(15);

/// Starts a session of the API or of a browser.
pub(crate) async fn execute(
    core: &Core,
    proven: Proven,
    kind: SessionKind,
    client: ClientInfo,
) -> Result<Started, Failure<ChangedMeanwhile>> {
    let prepared = prepare(core, proven, kind, client).await?;
    let outcome = core.store.open_session(&prepared.start).await?;
    prepared.finish(outcome).ok_or(Failure::Refused(ChangedMeanwhile))
}

/// Prepares a session of the API or of a browser: creates its live token and finds out whether its device is new.
pub(crate) async fn prepare(
    core: &Core,
    proven: Proven,
    kind: SessionKind,
    client: ClientInfo,
) -> Result<Prepared, PortFailure> {
    let user = proven.user();
    let now = core.clock.signing_time()?;
    let is_for_enrolment = core.settings.factors.required_for.requires(user) && !user.has_factor();
    let is_browser = kind == SessionKind::Browser;
    let mut lifetime = core.settings.session_max_lifetime;
    if is_browser {
        lifetime = lifetime.min(cookie::MAX_LIFETIME);
    }
    if is_for_enrolment {
        lifetime = lifetime.min(ENROLMENT_LIFETIME);
    }
    let unused_until = if is_browser { now + cookie::IDLE } else { refresh_expiry(core, now) };
    let basis = Basis {
        id: SessionId::generate(now, core.entropy.as_ref())?,
        user,
        kind,
        authenticated_at: now,
        assurance: proven.assurance().clone(),
        is_for_enrolment,
        expires_at: unused_until,
        max_expires_at: whole_seconds(now) + lifetime,
    };
    let (session, token) = new_session(core, basis, None, client, now)?;
    let trail = Trail { core, at: now, actor: Some(user.id), client: &session.client };
    let event = trail.event(AuditEventKind::LoggedIn, user.id, Some(session.id))?;
    let notice = new_device::notice(core, user, &session.client, now).await?;
    // The store orders this session start before or after any change of the password or the account, never in between.
    let start = SessionStart {
        session,
        credential_version: user.credential_version,
        rehashed: proven.into_rehashed(),
        event,
        notice,
        max_sessions: core.settings.sessions_per_user,
    };
    Ok(Prepared { start, token })
}

/// What the session of an application starts from: an authorization code.
pub(crate) struct ApplicationStart<'a> {
    pub(crate) id: SessionId,
    pub(crate) user: &'a User,
    pub(crate) credential_version: i64,
    pub(crate) authenticated_at: OffsetDateTime,
    pub(crate) assurance: Assurance,
    pub(crate) grant: ClientGrant,
    pub(crate) client: &'a Client,
}

/// Prepares the session of an application.
pub(crate) fn prepare_application(
    core: &Core,
    start: ApplicationStart<'_>,
    client: ClientInfo,
) -> Result<Prepared, PortFailure> {
    let (user, now) = (start.user, core.clock.signing_time()?);
    let basis = Basis {
        id: start.id,
        user,
        kind: SessionKind::Application(Box::new(start.grant)),
        authenticated_at: start.authenticated_at,
        assurance: start.assurance,
        is_for_enrolment: false,
        expires_at: whole_seconds(now) + start.client.session_lifetime(),
        max_expires_at: whole_seconds(now) + core.settings.session_max_lifetime,
    };
    let (session, token) = new_session(core, basis, Some(start.client), client, now)?;
    let trail = Trail { core, at: now, actor: Some(user.id), client: &session.client };
    let event = trail.event(AuditEventKind::ApplicationLoggedIn, user.id, Some(session.id))?;
    let start = SessionStart {
        session,
        credential_version: start.credential_version,
        rehashed: None,
        event,
        notice: None,
        max_sessions: core.settings.sessions_per_user,
    };
    Ok(Prepared { start, token })
}

impl Prepared {
    /// Starts the session within a unit that has already written, and commits it. `None` if a credential was changed,
    /// or the account deactivated, since the user authenticated: then nothing is written.
    pub(crate) async fn open_in(self, unit: Box<dyn UnitOfWork>) -> Result<Option<Started>, PortFailure> {
        let outcome = unit.open_session(&self.start).await?;
        Ok(self.finish(outcome))
    }

    fn finish(self, outcome: SessionStartOutcome) -> Option<Started> {
        let SessionStartOutcome::Opened(user) = outcome else { return None };
        Some(Started { session: self.start.session, user, token: self.token })
    }
}

/// What a new session is made of.
struct Basis<'a> {
    id: SessionId,
    user: &'a User,
    kind: SessionKind,
    authenticated_at: OffsetDateTime,
    assurance: Assurance,
    is_for_enrolment: bool,
    expires_at: OffsetDateTime,
    max_expires_at: OffsetDateTime,
}

fn new_session(
    core: &Core,
    basis: Basis<'_>,
    application: Option<&Client>,
    client: ClientInfo,
    now: OffsetDateTime,
) -> Result<(Session, PlainToken), PortFailure> {
    let mut session = Session {
        id: basis.id,
        user_id: basis.user.id,
        kind: basis.kind,
        generation: 0,
        rekeyed_generation: 0,
        refresh_jti: TokenId::for_refresh(0, core.entropy.as_ref())?,
        hashed_refresh_token: TokenDigest::from_bytes([0; 32]),
        previous_hashed_refresh_token: None,
        rotated_at: now,
        created_at: now,
        authenticated_at: basis.authenticated_at,
        assurance: basis.assurance,
        is_for_enrolment: basis.is_for_enrolment,
        last_used_at: now,
        expires_at: basis.expires_at.min(basis.max_expires_at),
        max_expires_at: basis.max_expires_at,
        revoked: None,
        last_client: client.clone(),
        client,
        epoch: basis.user.sessions_epoch,
    };
    let issued = live_token(core, &session, application.map(|client| &client.id))?;
    session.hashed_refresh_token = issued.digest;
    Ok((session, issued.token))
}
