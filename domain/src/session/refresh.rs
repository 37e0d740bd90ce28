//! Exchanges a refresh token for its successor (RFC 6749 section 6; RFC 9700 section 4.14.2).

use time::{Duration, OffsetDateTime};

use super::issue::whole_seconds;
use super::undelivered::Attempt;
use super::{
    Holder, RevocationReason, Rotation, RotationOutcome, Session, Started, access_token, end, refresh_token,
};
use crate::audit::{AuditEventKind, Trail};
use crate::client::{Client, ClientId};
use crate::kernel::{ClientInfo, PlainToken, SessionId, StoreError, TokenDigest, TokenId};
use crate::outbox::{Letter, LetterKind, notice};
use crate::token::{InvalidToken, RefreshClaims, TokenPair};
use crate::{Core, Failure, PortFailure};

/// A verified refresh token that is not yet exchanged.
#[derive(Debug)]
pub struct Presented {
    token: PlainToken,
    claims: RefreshClaims,
}

impl Presented {
    /// Verifies a refresh token without reading the store.
    pub fn verify(core: &Core, token: PlainToken) -> Result<Self, InvalidToken> {
        let claims = core.verifier.verify_refresh(token.expose(), core.clock.now())?;
        Ok(Self { token, claims })
    }

    /// The session that the token names. Rate limits for refresh are per session.
    pub fn session_id(&self) -> SessionId {
        self.claims.session_id
    }

    /// The application that holds the token; `None` for a client of this service's own API.
    pub fn client_id(&self) -> Option<&ClientId> {
        self.claims.client_id.as_ref()
    }
}

/// Why there is no successor. The client receives the same response for all reasons; the reason is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token was used before. Its session has been revoked, and an audit event records that.
    Reused,
    /// A password change replaced the token.
    Superseded,
    /// The session has ended.
    Ended,
    /// The user may not log in.
    Inactive,
    /// The session does not exist.
    Unknown,
    /// A client that lost the response retried, but the winner's token cannot be signed again, because the signing key
    /// has changed meanwhile. The session stays live.
    NotRepeatable,
}

/// The result of a refresh.
#[derive(Debug)]
pub enum Refreshed {
    /// The successor of the presented token, which is used up now.
    Rotated(TokenPair),
    /// The successor that was already issued for the presented token, once more.
    Raced(TokenPair),
}

impl Refreshed {
    /// The tokens, in either case.
    pub fn into_tokens(self) -> TokenPair {
        match self {
            Self::Rotated(pair) | Self::Raced(pair) => pair,
        }
    }
}

/// Exchanges the token.
///
/// A client that lost the response, and tabs that race, get the very token that the winner got, within the grace
/// period. So does a client that retries after this function failed or its future was dropped, regardless of the grace
/// period.
pub async fn execute(
    core: &Core,
    presented: Presented,
    client: &ClientInfo,
) -> Result<Refreshed, Failure<Refusal>> {
    // The token of an application has no value here.
    if presented.client_id().is_some() {
        return Err(Failure::Refused(Refusal::Unknown));
    }
    let now = core.clock.signing_time()?;
    let lifetime = core.settings.refresh_token_lifetime;
    let (started, is_first, attempt) = exchange(core, &presented, lifetime, now, client).await?;
    let (session, user) = (&started.session, &started.user);
    let (access_token, expires_in) = access_token(core, session, user, Holder::Api, now)?;
    let pair = TokenPair { access_token, refresh_token: started.token, expires_in };
    attempt.delivered();
    Ok(if is_first { Refreshed::Rotated(pair) } else { Refreshed::Raced(pair) })
}

/// Exchanges the refresh token of an application as [`execute`] does, and returns its session with the successor. The
/// attempt is delivered when the caller has the response.
pub(crate) async fn rotate_of_application<'a>(
    core: &'a Core,
    presented: Presented,
    application: &Client,
    client: &ClientInfo,
) -> Result<(Started, Attempt<'a>), Failure<Refusal>> {
    let now = core.clock.signing_time()?;
    let lifetime = application.refresh_lifetime();
    let (started, _, attempt) = exchange(core, &presented, lifetime, now, client).await?;
    Ok((started, attempt))
}

/// Exchanges the token. Returns the session with the successor, and whether this caller won; the attempt is settled
/// when the caller can deliver its response.
async fn exchange<'a>(
    core: &'a Core,
    presented: &Presented,
    lifetime: Duration,
    now: OffsetDateTime,
    client: &ClientInfo,
) -> Result<(Started, bool, Attempt<'a>), Failure<Refusal>> {
    let (outcome, successor, attempt) = rotate(core, presented, lifetime, now, client).await?;
    match outcome {
        RotationOutcome::Rotated(session, user) => {
            Ok((Started { session, user, token: successor }, true, attempt))
        }
        RotationOutcome::Raced(session, user) => {
            let again = refresh_token(core, &session, presented.client_id())?;
            if again.digest != session.hashed_refresh_token {
                attempt.refused();
                return Err(Failure::Refused(Refusal::NotRepeatable));
            }
            Ok((Started { session, user, token: again.token }, false, attempt))
        }
        refused => {
            attempt.refused();
            Err(refusal(core, refused, now, client).await?)
        }
    }
}

/// Converts an outcome without tokens to a refusal. Reuse revokes the session first.
async fn refusal(
    core: &Core,
    outcome: RotationOutcome,
    now: OffsetDateTime,
    client: &ClientInfo,
) -> Result<Failure<Refusal>, PortFailure> {
    Ok(Failure::Refused(match outcome {
        RotationOutcome::Reused(session) if revoke_family(core, &session, now, client).await? => {
            Refusal::Reused
        }
        RotationOutcome::Reused(_) | RotationOutcome::Ended => Refusal::Ended,
        RotationOutcome::Superseded => Refusal::Superseded,
        RotationOutcome::Inactive => Refusal::Inactive,
        RotationOutcome::Unknown => Refusal::Unknown,
        RotationOutcome::Capped(_) | RotationOutcome::Rotated(..) | RotationOutcome::Raced(..) => {
            return Err(StoreError::Busy("a session's end moved during a rotation".to_owned()).into());
        }
    }))
}

/// Tries the rotation with the usual lifetime first, which takes one round trip to the store. Only in the last days of
/// a session, the store reports that the session ends earlier, and a second try uses that end.
async fn rotate<'a>(
    core: &'a Core,
    presented: &Presented,
    lifetime: Duration,
    now: OffsetDateTime,
    client: &ClientInfo,
) -> Result<(RotationOutcome, PlainToken, Attempt<'a>), PortFailure> {
    let expires_at = whole_seconds(now) + lifetime;
    let (rotation, successor) = prepare(core, presented, now, expires_at, client)?;
    let attempt = core.undelivered.attempt(&rotation);
    let outcome = core.store.rotate_session(&rotation).await?;
    let RotationOutcome::Capped(session_end) = outcome else {
        return Ok((outcome, successor, attempt));
    };
    attempt.refused();
    let (rotation, successor) = prepare(core, presented, now, whole_seconds(session_end), client)?;
    let attempt = core.undelivered.attempt(&rotation);
    Ok((core.store.rotate_session(&rotation).await?, successor, attempt))
}

fn prepare(
    core: &Core,
    presented: &Presented,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
    client: &ClientInfo,
) -> Result<(Rotation, PlainToken), PortFailure> {
    let claims = &presented.claims;
    let generation = claims.id.generation().map_or(0, |generation| generation.saturating_add(1));
    let refresh_jti = TokenId::for_refresh(generation, core.entropy.as_ref())?;
    let successor = core.issuer.issue_refresh(&RefreshClaims {
        id: refresh_jti.clone(),
        user_id: claims.user_id,
        session_id: claims.session_id,
        client_id: claims.client_id.clone(),
        issued_at: whole_seconds(now),
        expires_at,
    })?;
    let presented_digest = digest(core, &presented.token);
    let rotation = Rotation {
        session_id: claims.session_id,
        user_id: claims.user_id,
        presented: presented_digest,
        generation,
        refresh_jti,
        hashed_refresh_token: successor.digest,
        expires_at,
        at: now,
        reuse_grace: core.settings.refresh_reuse_grace,
        undelivered: core.undelivered.successors_of(&presented_digest),
        client: client.clone(),
    };
    Ok((rotation, successor.token))
}

fn digest(core: &Core, token: &PlainToken) -> TokenDigest {
    core.verifier.digest(token)
}

/// Revokes the whole family and records the reuse, in one transaction and before the client gets the response. `false`
/// if another request has ended it since it was read, so that there is nothing to revoke or to record.
async fn revoke_family(
    core: &Core,
    session: &Session,
    now: OffsetDateTime,
    client: &ClientInfo,
) -> Result<bool, PortFailure> {
    let trail = Trail { core, at: now, actor: None, client };
    let event = trail.event(AuditEventKind::RefreshTokenReused, session.user_id, Some(session.id))?;
    let mut unit = core.store.begin().await?;
    let user = unit.users().lock(session.user_id).await?;
    let reason = RevocationReason::RefreshTokenReused;
    let revoked = end(unit.as_mut(), session.id, session.user_id, reason, now).await?;
    if revoked {
        unit.audit().record(&event).await?;
        let notice = user.map(|user| notice(core, LetterKind::RefreshTokenReused, &user, client, now));
        if let Some(letter) = notice.transpose()?.flatten() {
            unit.outbox().insert_once_since(&letter, now - Letter::NOTICE_INTERVAL).await?;
        }
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(revoked)
}
