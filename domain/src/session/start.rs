//! Starts a session for an authenticated user.

use time::Duration;

use super::issue::whole_seconds;
use super::new_device;
use super::{Session, SessionStart, SessionStartOutcome, access_token, refresh_expiry, refresh_token};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Proven;
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
    refresh_token: PlainToken,
}

/// How long a session lasts that may only enrol a second factor.
const ENROLMENT_LIFETIME: Duration = Duration::minutes(15);

/// Starts a session and issues its first tokens.
pub(crate) async fn execute(
    core: &Core,
    proven: Proven,
    client: ClientInfo,
) -> Result<TokenPair, Failure<ChangedMeanwhile>> {
    let prepared = prepare(core, proven, client).await?;
    let outcome = core.store.open_session(&prepared.start).await?;
    prepared.finish(core, outcome)?.ok_or(Failure::Refused(ChangedMeanwhile))
}

/// Prepares a session: signs its refresh token and finds out whether its device is new.
pub(crate) async fn prepare(
    core: &Core,
    proven: Proven,
    client: ClientInfo,
) -> Result<Prepared, PortFailure> {
    let (session, refresh_token) = new_session(core, &proven, client)?;
    let user = proven.user();
    let trail = Trail { core, at: session.created_at, actor: Some(user.id), client: &session.client };
    let event = trail.event(AuditEventKind::LoggedIn, user.id, Some(session.id))?;
    let notice = new_device::notice(core, user, &session.client, session.created_at).await?;
    // The store orders this session start before or after any change of the password or the account, never in between.
    let start = SessionStart {
        session,
        credential_version: user.credential_version,
        rehashed: proven.into_rehashed(),
        event,
        notice,
        max_sessions: core.settings.sessions_per_user,
    };
    Ok(Prepared { start, refresh_token })
}

impl Prepared {
    /// Starts the session within a unit that has already written, and commits it. `None` if a credential was changed,
    /// or the account deactivated, since the user authenticated: then nothing is written.
    pub(crate) async fn open_in(
        self,
        core: &Core,
        unit: Box<dyn UnitOfWork>,
    ) -> Result<Option<TokenPair>, PortFailure> {
        let outcome = unit.open_session(&self.start).await?;
        self.finish(core, outcome)
    }

    fn finish(self, core: &Core, outcome: SessionStartOutcome) -> Result<Option<TokenPair>, PortFailure> {
        let SessionStartOutcome::Opened(current) = outcome else { return Ok(None) };
        let session = self.start.session;
        let (access_token, expires_in) = access_token(core, &session, &current, session.created_at)?;
        Ok(Some(TokenPair { access_token, refresh_token: self.refresh_token, expires_in }))
    }
}

fn new_session(
    core: &Core,
    proven: &Proven,
    client: ClientInfo,
) -> Result<(Session, PlainToken), PortFailure> {
    let now = core.clock.signing_time()?;
    let user = proven.user();
    let is_for_enrolment = core.settings.factors.required_for.requires(user) && !user.has_factor();
    let lifetime = core.settings.session_max_lifetime;
    let lifetime = if is_for_enrolment { lifetime.min(ENROLMENT_LIFETIME) } else { lifetime };
    let max_expires_at = whole_seconds(now) + lifetime;
    let mut session = Session {
        id: SessionId::generate(now, core.entropy.as_ref())?,
        user_id: user.id,
        generation: 0,
        rekeyed_generation: 0,
        refresh_jti: TokenId::for_refresh(0, core.entropy.as_ref())?,
        hashed_refresh_token: TokenDigest::from_bytes([0; 32]),
        previous_hashed_refresh_token: None,
        rotated_at: now,
        created_at: now,
        authenticated_at: now,
        assurance: proven.assurance().clone(),
        is_for_enrolment,
        last_used_at: now,
        expires_at: refresh_expiry(core, now).min(max_expires_at),
        max_expires_at,
        revoked: None,
        last_client: client.clone(),
        client,
        epoch: user.sessions_epoch,
    };
    let issued = refresh_token(core, &session)?;
    session.hashed_refresh_token = issued.digest;
    Ok((session, issued.token))
}
