//! Exchanges the refresh token of an application (RFC 6749 section 6).

use super::rules;
use super::tokens::{IdTokenExtras, Tokens, sign};
use crate::client::{Client, GrantType, Scope};
use crate::kernel::ClientInfo;
use crate::session::refresh::{self, Presented};
use crate::session::{ClientGrant, Session};
use crate::{Core, Failure};

/// Why there are no tokens. The refresh token is not spent, unless it was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client may not use refresh tokens.
    UnauthorizedClient,
    /// The token is not this client's.
    Foreign,
    /// The requested scope exceeds the granted one.
    InvalidScope,
    /// The requested resource is not the granted one.
    InvalidTarget,
    /// The user, the browser session, the consent or the client's rules no longer permit it.
    NoLongerPermitted,
    /// The session refuses it.
    Session(refresh::Refusal),
}

/// Exchanges a refresh token of this client, which is authenticated, for an access token with the granted scope, or
/// with a smaller one.
pub async fn execute(
    core: &Core,
    client: &Client,
    presented: Presented,
    (requested, resource): (Option<Scope>, Option<String>),
    caller: &ClientInfo,
) -> Result<Tokens, Failure<Refusal>> {
    let refuse = |refusal| Failure::Refused(refusal);
    if !client.allows(GrantType::RefreshToken) {
        return Err(refuse(Refusal::UnauthorizedClient));
    }
    let grant = permitted_grant(core, client, &presented).await?;
    let scope = requested.unwrap_or_else(|| grant.scope.clone());
    if !scope.is_within(&grant.scope) {
        return Err(refuse(Refusal::InvalidScope));
    }
    if resource.is_some() && resource != grant.resource {
        return Err(refuse(Refusal::InvalidTarget));
    }
    let rotated = refresh::rotate_of_application(core, presented, client, caller).await;
    let (rotated, attempt) = rotated.map_err(|failure| failure.map(Refusal::Session))?;
    let now = core.clock.signing_time()?;
    let parts = (client, &rotated.session, &rotated.user);
    let tokens = sign(core, parts, &scope, rotated.token, IdTokenExtras::default(), now)?;
    attempt.delivered();
    Ok(tokens)
}

/// What the user granted to this client, if everything that permitted it still does.
async fn permitted_grant(
    core: &Core,
    client: &Client,
    presented: &Presented,
) -> Result<ClientGrant, Failure<Refusal>> {
    if presented.client_id() != Some(&client.id) {
        return Err(Failure::Refused(Refusal::Foreign));
    }
    let found = core.store.read().await?.sessions().with_user(presented.session_id()).await?;
    let ended = || Failure::Refused(Refusal::Session(refresh::Refusal::Unknown));
    let (session, user) = found.ok_or_else(ended)?;
    let grant = session.grant().filter(|grant| grant.client == client.uid).cloned();
    let grant = grant.ok_or(Failure::Refused(Refusal::Foreign))?;
    let is_permitted = rules::permit(core, client, &user, &session.assurance, &grant.scope).await?;
    if !is_permitted || !(grant.is_offline() || has_browser(core, &session, &grant).await?) {
        return Err(Failure::Refused(Refusal::NoLongerPermitted));
    }
    Ok(grant)
}

/// Whether the browser session is live in which the user granted it.
async fn has_browser(core: &Core, session: &Session, grant: &ClientGrant) -> Result<bool, Failure<Refusal>> {
    let found = core.store.read().await?.sessions().with_user(grant.browser).await?;
    let now = core.clock.now();
    Ok(found.is_some_and(|(browser, user)| user.id == session.user_id && browser.is_live(&user, now)))
}
