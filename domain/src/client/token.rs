//! Access tokens that clients get on their own behalf (RFC 6749 section 4.4).

use super::{Client, GrantType, Scope};
use crate::kernel::{PlainToken, TokenId};
use crate::token::ClientClaims;
use crate::{Core, Failure};

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client may not use this grant type.
    UnauthorizedClient,
    /// The client may not request this scope.
    InvalidScope,
}

/// An access token of a client, with its lifetime and scope.
#[derive(Debug)]
pub struct ClientToken {
    /// The token.
    pub access_token: PlainToken,
    /// Its lifetime.
    pub expires_in: time::Duration,
    /// Its scope; empty if the client has none.
    pub scope: Scope,
}

/// Issues an access token to an authenticated client. Without a requested scope it gets all of its own, except those
/// that are about a user.
pub fn issue(
    core: &Core,
    client: &Client,
    requested: Option<Scope>,
) -> Result<ClientToken, Failure<Refusal>> {
    if !client.allows(GrantType::ClientCredentials) {
        return Err(Failure::Refused(Refusal::UnauthorizedClient));
    }
    let own = USER_SCOPES.iter().fold(client.settings.scopes.clone(), |scope, name| scope.without_name(name));
    let scope = requested.unwrap_or_else(|| own.clone());
    if !scope.is_within(&own) {
        return Err(Failure::Refused(Refusal::InvalidScope));
    }
    let now = core.clock.signing_time()?.truncate_to_second();
    let expires_in = client.access_lifetime();
    let access_token = core.issuer.issue_client(&ClientClaims {
        id: TokenId::for_access(0, core.entropy.as_ref())?,
        client_id: client.id.clone(),
        scope: scope.clone(),
        issued_at: now,
        expires_at: now + expires_in,
    })?;
    Ok(ClientToken { access_token, expires_in, scope })
}

const USER_SCOPES: [&str; 4] = [Scope::OPENID, Scope::PROFILE, Scope::EMAIL, Scope::OFFLINE_ACCESS];
