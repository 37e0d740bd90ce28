//! Token introspection: reports to another service whether a token is valid (RFC 7662).

use super::NotAuthenticated;
use super::authenticate::by_session;
use super::issue::may_only_enrol;
use crate::Core;
use crate::account::User;
use crate::client::client_credentials;
use crate::kernel::{PlainToken, StoreError};
use crate::token::{AccessClaims, ClientClaims, RefreshClaims};

/// The result of an introspection.
#[derive(Clone, Debug)]
pub enum Introspection {
    /// The token is not valid: unknown, expired or revoked. The caller does not learn which.
    Inactive,
    /// A valid access token of a live session, and its user as they are now.
    Access(AccessClaims, User),
    /// The live refresh token of a live session, and its user as they are now.
    Refresh(RefreshClaims, User),
    /// The access token of a service client that is not revoked.
    Client(ClientClaims),
}

/// Introspects a token. It reads the store, so that a token becomes inactive as soon as its session ends.
pub async fn execute(core: &Core, token: &PlainToken) -> Result<Introspection, StoreError> {
    if let Some(claims) = refresh_claims(core, token) {
        return refresh(core, token, claims).await;
    }
    if let Ok(claims) = core.verifier.verify_client(token.expose(), core.clock.now()) {
        let client = client_credentials::by_id(core, claims.client_id).await?;
        let is_live = client.is_some_and(|client| client.revoked_at.is_none());
        return Ok(if is_live { Introspection::Client(claims) } else { Introspection::Inactive });
    }
    // Legacy tokens stay inactive: other services never accepted them as tokens of this service, and introspection does
    // not change that.
    let now = core.clock.now();
    let Ok(claims) = core.verifier.verify_access(token.expose(), now) else {
        return Ok(Introspection::Inactive);
    };
    match by_session(core, claims, now).await {
        // No other service accepts a token that may only enrol a second factor.
        Ok((user, grant)) if may_only_enrol(core, &user, &grant.session) => Ok(Introspection::Inactive),
        Ok((user, grant)) => Ok(Introspection::Access(grant.claims, user)),
        Err(NotAuthenticated::Store(error)) => Err(error),
        Err(_) => Ok(Introspection::Inactive),
    }
}

fn refresh_claims(core: &Core, token: &PlainToken) -> Option<RefreshClaims> {
    core.verifier.verify_refresh(token.expose(), core.clock.now()).ok()
}

async fn refresh(
    core: &Core,
    token: &PlainToken,
    claims: RefreshClaims,
) -> Result<Introspection, StoreError> {
    let found = core.store.read().await?.sessions().with_user(claims.session_id).await?;
    let Some((session, user)) = found else { return Ok(Introspection::Inactive) };
    let is_live = user.id == claims.user_id
        && user.is_active
        && session.is_live(&user, core.clock.now())
        && !may_only_enrol(core, &user, &session)
        && session.hashed_refresh_token == core.verifier.digest(token);
    Ok(if is_live { Introspection::Refresh(claims, user) } else { Introspection::Inactive })
}
