//! Token introspection: reports to another service whether a token is valid (RFC 7662).

use super::authenticate::{by_session, is_active};
use super::issue::may_only_enrol;
use super::{NotAuthenticated, Session};
use crate::Core;
use crate::account::User;
use crate::client::{Client, ClientId};
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
    /// The access token that an active client got on its own behalf.
    Client(ClientClaims),
}

/// Introspects a token. It reads the store, so that a token becomes inactive as soon as its session ends.
pub async fn execute(core: &Core, token: &PlainToken) -> Result<Introspection, StoreError> {
    if let Some(claims) = refresh_claims(core, token) {
        return refresh(core, token, claims).await;
    }
    if let Ok(claims) = core.verifier.verify_client(token.expose(), core.clock.now()) {
        let client = core.store.read().await?.clients().by_id(&claims.client_id).await?;
        // A client that has the id of a deleted one does not inherit its tokens.
        let is_holder = |client: &Client| {
            client.is_active() && claims.issued_at >= client.created_at.truncate_to_second()
        };
        let is_live = client.is_some_and(|client| is_holder(&client));
        return Ok(if is_live { Introspection::Client(claims) } else { Introspection::Inactive });
    }
    // Legacy tokens stay inactive: other services never accepted them as tokens of this service, and introspection does
    // not change that.
    let now = core.clock.now();
    let Ok(claims) = core.verifier.verify_access(token.expose(), now) else {
        return Ok(Introspection::Inactive);
    };
    match by_session(core, &claims, now).await {
        // No other service accepts a token that may only enrol a second factor.
        Ok((user, session)) if may_only_enrol(core, &user, &session) => Ok(Introspection::Inactive),
        Ok((user, session)) => match &claims.application {
            Some(application) if !is_active(core, application, &session).await? => {
                Ok(Introspection::Inactive)
            }
            _ => Ok(Introspection::Access(claims, user)),
        },
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
        && session.hashed_refresh_token == core.verifier.digest(token)
        && is_held(core, &session, claims.client_id.as_ref()).await?;
    Ok(if is_live { Introspection::Refresh(claims, user) } else { Introspection::Inactive })
}

/// Whether the application of a refresh token may still use it. A token of this service's own API has none.
async fn is_held(core: &Core, session: &Session, client: Option<&ClientId>) -> Result<bool, StoreError> {
    let (Some(client), Some(grant)) = (client, session.grant()) else {
        return Ok(client.is_none() && session.grant().is_none());
    };
    let mut view = core.store.read().await?;
    let found = view.clients().by_id(client).await?;
    if !found.is_some_and(|client| client.is_active() && client.uid == grant.client) {
        return Ok(false);
    }
    let browser = if grant.is_offline() { None } else { view.sessions().with_user(grant.browser).await? };
    let is_in = browser.is_some_and(|(browser, user)| browser.is_live(&user, core.clock.now()));
    Ok(grant.is_offline() || is_in)
}
