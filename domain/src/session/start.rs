//! Starts a session for an authenticated user.

use super::issue::whole_seconds;
use super::new_device;
use super::{Session, SessionStart, SessionStartOutcome, access_token, refresh_expiry, refresh_token};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Proven;
use crate::kernel::{ClientInfo, PlainToken, SessionId, TokenDigest, TokenId};
use crate::token::TokenPair;
use crate::{Core, Failure, PortFailure};

/// A credential was changed, or the account deactivated, since the user authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangedMeanwhile;

/// Starts a session and issues its first tokens.
pub(crate) async fn execute(
    core: &Core,
    proven: Proven,
    client: ClientInfo,
) -> Result<TokenPair, Failure<ChangedMeanwhile>> {
    let (session, refresh) = new_session(core, &proven, client)?;
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
    let SessionStartOutcome::Opened(current) = core.store.open_session(&start).await? else {
        return Err(Failure::Refused(ChangedMeanwhile));
    };

    let session = start.session;
    let (access_token, expires_in) = access_token(core, &session, &current, session.created_at)?;
    Ok(TokenPair { access_token, refresh_token: refresh, expires_in })
}

fn new_session(
    core: &Core,
    proven: &Proven,
    client: ClientInfo,
) -> Result<(Session, PlainToken), PortFailure> {
    let now = core.clock.signing_time()?;
    let max_expires_at = whole_seconds(now) + core.settings.session_max_lifetime;
    let mut session = Session {
        id: SessionId::generate(now, core.entropy.as_ref())?,
        user_id: proven.user().id,
        generation: 0,
        rekeyed_generation: 0,
        refresh_jti: TokenId::for_refresh(0, core.entropy.as_ref())?,
        hashed_refresh_token: TokenDigest::from_bytes([0; 32]),
        previous_hashed_refresh_token: None,
        rotated_at: now,
        created_at: now,
        authenticated_at: now,
        assurance: proven.assurance().clone(),
        last_used_at: now,
        expires_at: refresh_expiry(core, now).min(max_expires_at),
        max_expires_at,
        revoked: None,
        last_client: client.clone(),
        client,
        epoch: proven.user().sessions_epoch,
    };
    let issued = refresh_token(core, &session)?;
    session.hashed_refresh_token = issued.digest;
    Ok((session, issued.token))
}
