//! The rules of a client, which hold at the first token and at every later one.

use crate::account::User;
use crate::authn::Assurance;
use crate::client::{Client, Scope};
use crate::{Core, PortFailure};

/// Whether the client and the user's consent permit tokens with this scope to a user who authenticated like this.
pub(super) async fn permit(
    core: &Core,
    client: &Client,
    user: &User,
    assurance: &Assurance,
    scope: &Scope,
) -> Result<bool, PortFailure> {
    if !client.admits(user) || assurance.acr < client.settings.min_acr {
        return Ok(false);
    }
    let lacks_factor = core.settings.factors.required_for.requires(user) && !user.has_factor();
    if lacks_factor || !scope.is_within(&client.settings.scopes) {
        return Ok(false);
    }
    if client.settings.first_party {
        return Ok(true);
    }
    let consent = core.store.read().await?.consents().of(user.id, client.uid).await?;
    Ok(consent.is_some_and(|consent| scope.is_within(&consent.scope)))
}
