use time::{Duration, OffsetDateTime};

use super::{ClientGrant, Session, SessionKind, cookie};
use crate::account::User;
use crate::authn::Acr;
use crate::client::{Client, ClientId, Scope};
use crate::kernel::{PlainToken, TokenId};
use crate::token::{AccessClaims, ApplicationClaims, IssuedToken, RefreshClaims};
use crate::{Core, PortFailure};

/// Who gets the tokens of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'a> {
    /// A client of this service's own API.
    Api,
    /// An application.
    Application {
        /// The application.
        client: &'a Client,
        /// The scope of the access token.
        scope: &'a Scope,
    },
}

impl Holder<'_> {
    fn access_lifetime(self, core: &Core) -> Duration {
        match self {
            Self::Api => core.settings.access_token_lifetime,
            Self::Application { client, .. } => client.access_lifetime(),
        }
    }

    fn claims(self, grant: Option<&ClientGrant>) -> Option<ApplicationClaims> {
        let Self::Application { client, scope } = self else { return None };
        let resource = grant.and_then(|grant| grant.resource.clone());
        Some(ApplicationClaims { client_id: client.id.clone(), scope: scope.clone(), resource })
    }
}

/// Signs an access token for a session. The token never outlives the session.
pub(crate) fn access_token(
    core: &Core,
    session: &Session,
    user: &User,
    holder: Holder<'_>,
    now: OffsetDateTime,
) -> Result<(PlainToken, Duration), PortFailure> {
    let now = whole_seconds(now);
    let expires_at = (now + holder.access_lifetime(core)).min(whole_seconds(session.max_expires_at));
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
        application: holder.claims(session.grant()),
    })?;
    Ok((token, expires_at - now))
}

/// Whether the session may only enrol a second factor: the user must have one, and has none, or had none when the
/// session started and showed none since.
pub(super) fn may_only_enrol(core: &Core, user: &User, session: &Session) -> bool {
    core.settings.factors.required_for.requires(user)
        && (!user.has_factor() || session.is_for_enrolment && session.assurance.acr < Acr::Aal2)
}

/// Creates the live token of a new or re-keyed session: its refresh token, or the cookie of a browser.
pub(crate) fn live_token(
    core: &Core,
    session: &Session,
    client_id: Option<&ClientId>,
) -> Result<IssuedToken, PortFailure> {
    match session.kind {
        SessionKind::Browser => Ok(cookie::new_cookie(core, session.id)?),
        SessionKind::Api | SessionKind::Application(_) => refresh_token(core, session, client_id),
    }
}

/// Signs the live refresh token of a session, from the stored session and its holder alone: the same session gives the
/// same token, as long as the signing key is the same.
pub(crate) fn refresh_token(
    core: &Core,
    session: &Session,
    client_id: Option<&ClientId>,
) -> Result<IssuedToken, PortFailure> {
    Ok(core.issuer.issue_refresh(&RefreshClaims {
        id: session.refresh_jti.clone(),
        user_id: session.user_id,
        session_id: session.id,
        client_id: client_id.cloned(),
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
