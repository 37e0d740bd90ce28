//! The claims about a user that an application may read (OpenID Connect Core section 5.3).

use super::{ClaimSet, claims_of};
use crate::client::Scope;
use crate::kernel::UserId;
use crate::session::{NotAuthenticated, authenticate_application};
use crate::token::{ClaimValue, InvalidToken};
use crate::{Core, Failure};

/// The claims, besides `sub`.
#[derive(Debug)]
pub struct UserInfo {
    /// `sub`.
    pub subject: UserId,
    /// The claims that the scope permits.
    pub claims: Vec<(&'static str, ClaimValue)>,
}

/// Why there are no claims.
#[derive(Debug)]
pub enum Refusal {
    /// The access token is not valid.
    NotAuthenticated(NotAuthenticated),
    /// The scope of the access token has no `openid`.
    InsufficientScope,
}

/// Returns the claims that an access token permits.
pub async fn execute(core: &Core, token: &str) -> Result<UserInfo, Failure<Refusal>> {
    let found = authenticate_application(core, token).await;
    let refused = |error| Failure::Refused(Refusal::NotAuthenticated(error));
    let (claims, user) = found.map_err(refused)?;
    let scope = claims.scope;
    // A token for a resource server is not one for this service.
    if claims.resource.is_some() {
        return Err(refused(InvalidToken::Claims.into()));
    }
    if !scope.contains(Scope::OPENID) {
        return Err(Failure::Refused(Refusal::InsufficientScope));
    }
    Ok(UserInfo { subject: user.id, claims: claims_of(&user, &scope, ClaimSet::All) })
}
