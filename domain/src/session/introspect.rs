//! Telling another service what a token is worth at this moment (RFC 7662).

use super::NotAuthenticated;
use super::authenticate::by_session;
use crate::Core;
use crate::account::User;
use crate::client::client_credentials;
use crate::kernel::{PlainToken, StoreError};
use crate::token::{AccessClaims, ClientClaims, RefreshClaims};

/// What a token is worth.
#[derive(Clone, Debug)]
pub enum Introspection {
    /// Nothing: it is not ours, or it is good no more. Nobody is told which.
    Inactive,
    /// An access token of a live session, and its user as they are now.
    Access(AccessClaims, User),
    /// The live refresh token of a live session, and its user as they are now.
    Refresh(RefreshClaims, User),
    /// The own access token of a service client that is not revoked.
    Client(ClientClaims),
}

/// Looks at a token. It is asked of the store, so that a token counts for nothing as soon as its session has ended.
pub async fn execute(core: &Core, token: &PlainToken) -> Result<Introspection, StoreError> {
    if let Some(claims) = refresh_claims(core, token) {
        return refresh(core, token, claims).await;
    }
    if let Ok(claims) = core.verifier.verify_client(token.expose(), core.clock.now()) {
        let client = client_credentials::by_id(core, claims.client_id).await?;
        let is_live = client.is_some_and(|client| client.revoked_at.is_none());
        return Ok(if is_live { Introspection::Client(claims) } else { Introspection::Inactive });
    }
    // Other services never took tokens of the service before for ours, and what they ask here does not change that.
    let now = core.clock.now();
    let Ok(claims) = core.verifier.verify_access(token.expose(), now) else {
        return Ok(Introspection::Inactive);
    };
    match by_session(core, claims, now).await {
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
        && session.hashed_refresh_token == core.verifier.digest(token);
    Ok(if is_live { Introspection::Refresh(claims, user) } else { Introspection::Inactive })
}
