//! Service clients: authentication and access tokens (RFC 6749 section 4.4).

use uuid::Uuid;

use super::ServiceClient;
use crate::client::ServiceClientId;
use crate::kernel::{PlainToken, StoreError, TokenDigest, TokenId};
use crate::token::ClientClaims;
use crate::{Core, Failure, PortFailure};

/// The client does not exist or is revoked, or the secret is wrong. The caller does not learn which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthenticated;

/// The credentials that a client presents.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: PlainToken,
}

/// Authenticates a service client. An unknown id causes the same work as a known one.
pub async fn authenticate(
    core: &Core,
    credentials: &Credentials,
) -> Result<ServiceClient, Failure<NotAuthenticated>> {
    let uuid = Uuid::try_parse(&credentials.id).unwrap_or_default();
    let found = by_id(core, ServiceClientId::from_uuid(uuid)).await?;
    let missing = TokenDigest::from_bytes([0; 32]);
    let expected = found.as_ref().map_or(missing, |client| client.hashed_secret);
    let matches = core.verifier.digest(&credentials.secret) == expected;
    let client = found.filter(|client| matches && client.revoked_at.is_none());
    client.ok_or(Failure::Refused(NotAuthenticated))
}

/// Issues an access token to a client, and returns it with its lifetime.
pub fn issue(core: &Core, client: &ServiceClient) -> Result<(PlainToken, time::Duration), PortFailure> {
    let now = core.clock.signing_time()?.truncate_to_second();
    let lifetime = core.settings.access_token_lifetime;
    let token = core.issuer.issue_client(&ClientClaims {
        id: TokenId::for_access(0, core.entropy.as_ref())?,
        client_id: client.id,
        issued_at: now,
        expires_at: now + lifetime,
    })?;
    Ok((token, lifetime))
}

pub(crate) async fn by_id(core: &Core, id: ServiceClientId) -> Result<Option<ServiceClient>, StoreError> {
    core.store.read().await?.service_clients().by_id(id).await
}
