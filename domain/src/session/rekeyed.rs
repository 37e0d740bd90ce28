use time::OffsetDateTime;

use super::{Rekey, Session, SessionKind, cookie, live_token, refresh_expiry};
use crate::authn::Assurance;
use crate::kernel::{ClientInfo, PlainToken, TokenDigest, TokenId};
use crate::{Core, PortFailure};

/// How far a re-key advances the generation: more than a session can rotate while two passwords are hashed.
const GENERATION_JUMP: i64 = 1 << 20;

/// Prepares new tokens for a session whose owner has just authenticated. The session may rotate until the re-key is
/// stored: none of these rotations can issue a token of the new generation, however many there are.
pub(crate) fn rekeyed(
    core: &Core,
    session: &Session,
    (authenticated_at, assurance): (OffsetDateTime, Assurance),
    client: &ClientInfo,
) -> Result<(Session, PlainToken, Rekey), PortFailure> {
    let now = core.clock.signing_time()?;
    let generation = session.generation.saturating_add(GENERATION_JUMP);
    let mut rekey = Rekey {
        session_id: session.id,
        user_id: session.user_id,
        generation,
        refresh_jti: TokenId::for_refresh(generation, core.entropy.as_ref())?,
        hashed_refresh_token: TokenDigest::from_bytes([0; 32]),
        at: now,
        authenticated_at,
        assurance,
        expires_at: expiry(core, session, now).min(session.max_expires_at),
        client: client.clone(),
    };
    let issued = live_token(core, &rekey.applied_to(session), None)?;
    rekey.hashed_refresh_token = issued.digest;
    Ok((rekey.applied_to(session), issued.token, rekey))
}

fn expiry(core: &Core, session: &Session, now: OffsetDateTime) -> OffsetDateTime {
    match session.kind {
        SessionKind::Browser => now + cookie::IDLE,
        SessionKind::Api | SessionKind::Application(_) => refresh_expiry(core, now),
    }
}
