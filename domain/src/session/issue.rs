use time::OffsetDateTime;

use super::Session;
use crate::account::User;
use crate::authn::Acr;
use crate::kernel::{PlainToken, TokenId};
use crate::token::{AccessClaims, IssuedToken, RefreshClaims};
use crate::{Core, PortFailure};

/// Signs an access token for a session. The token never outlives the session.
pub(crate) fn access_token(
    core: &Core,
    session: &Session,
    user: &User,
    now: OffsetDateTime,
) -> Result<(PlainToken, time::Duration), PortFailure> {
    let now = whole_seconds(now);
    let expires_at = (now + core.settings.access_token_lifetime).min(whole_seconds(session.max_expires_at));
    let token = core.issuer.issue_access(&AccessClaims {
        id: TokenId::for_access(session.rekeyed_generation, core.entropy.as_ref())?,
        user_id: user.id,
        session_id: session.id,
        issued_at: now,
        expires_at,
        authenticated_at: whole_seconds(session.authenticated_at),
        assurance: session.assurance.clone(),
        is_for_enrolment: may_only_enrol(core, user, session),
        email: user.email.as_str().to_owned(),
        email_verified: user.email_verified_at.is_some(),
        tier: user.tier.clone(),
        is_superuser: user.is_superuser,
    })?;
    Ok((token, expires_at - now))
}

/// Whether the session may only enrol a second factor: the user must have one, and has none, or had none when the
/// session started and showed none since.
pub(super) fn may_only_enrol(core: &Core, user: &User, session: &Session) -> bool {
    core.settings.factors.required_for.requires(user)
        && (!user.has_factor() || session.is_for_enrolment && session.assurance.acr < Acr::Aal2)
}

/// Signs the live refresh token of a session, from the stored session alone: the same session gives the same token, as
/// long as the signing key is the same.
pub(crate) fn refresh_token(core: &Core, session: &Session) -> Result<IssuedToken, PortFailure> {
    Ok(core.issuer.issue_refresh(&RefreshClaims {
        id: session.refresh_jti.clone(),
        user_id: session.user_id,
        session_id: session.id,
        issued_at: whole_seconds(session.rotated_at),
        expires_at: session.expires_at,
    })?)
}

/// Returns when a refresh token that is issued now expires, in whole seconds as in the token.
pub(crate) fn refresh_expiry(core: &Core, now: OffsetDateTime) -> OffsetDateTime {
    whole_seconds(now) + core.settings.refresh_token_lifetime
}

pub(super) fn whole_seconds(time: OffsetDateTime) -> OffsetDateTime {
    time.truncate_to_second()
}
