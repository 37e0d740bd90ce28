use time::OffsetDateTime;

use super::{Challenge, ChallengeId, ChallengePurpose};
use crate::account::User;
use crate::factor::UserHandle;
use crate::kernel::{PlainToken, SessionId, random_secret};
use crate::{Core, PortFailure};

/// Creates a challenge of 256 random bits, and what is stored of it.
pub(crate) fn create(
    core: &Core,
    purpose: ChallengePurpose,
    bound_to: Option<(&User, Option<SessionId>)>,
    user_handle: Option<UserHandle>,
    now: OffsetDateTime,
) -> Result<(PlainToken, Challenge), PortFailure> {
    let token = random_secret(core.entropy.as_ref())?;
    let challenge = Challenge {
        id: ChallengeId::generate(now, core.entropy.as_ref())?,
        digest: core.verifier.digest(&token),
        purpose,
        user_id: bound_to.map(|(user, _)| user.id),
        session_id: bound_to.and_then(|(_, session)| session),
        credential_version: bound_to.map_or(0, |(user, _)| user.credential_version),
        user_handle,
        attempts_left: Challenge::ATTEMPTS,
        expires_at: now + Challenge::LIFETIME,
    };
    Ok((token, challenge))
}

/// Stores a challenge.
pub(crate) async fn store(core: &Core, challenge: &Challenge) -> Result<(), PortFailure> {
    let mut unit = core.store.begin().await?;
    unit.challenges().insert(challenge).await?;
    unit.commit().await?;
    Ok(())
}

/// Finds the valid challenge with this purpose that the client presents.
pub(crate) async fn find(
    core: &Core,
    token: &PlainToken,
    purpose: ChallengePurpose,
    now: OffsetDateTime,
) -> Result<Option<Challenge>, PortFailure> {
    let digest = core.verifier.digest(token);
    let found = core.store.read().await?.challenges().by_digest(&digest, purpose).await?;
    Ok(found.filter(|found| found.expires_at > now))
}

/// Finds the valid challenge with this purpose that the client data of a passkey name. Nothing of them is verified.
pub(crate) async fn find_named(
    core: &Core,
    client_data: &[u8],
    purpose: ChallengePurpose,
    now: OffsetDateTime,
) -> Result<Option<(PlainToken, Challenge)>, PortFailure> {
    let Some(text) = core.passkeys.challenge(client_data) else { return Ok(None) };
    let token = PlainToken::new(text);
    let found = find(core, &token, purpose, now).await?;
    Ok(found.map(|challenge| (token, challenge)))
}
