//! Client authentication at the endpoints for clients (RFC 6749 section 2.3).

use super::{AuthMethod, Client, ClientId, ClientKind};
use crate::kernel::{PlainToken, TokenDigest};
use crate::{Core, Failure, PortFailure};

/// The client is unknown or disabled, or its credentials are wrong or not of its method. The caller does not learn
/// which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthenticated;

/// What a client presents.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Its secret with HTTP Basic.
    Basic {
        /// The `client_id`.
        id: String,
        /// The secret.
        secret: PlainToken,
    },
    /// Its secret in the form.
    Post {
        /// The `client_id`.
        id: String,
        /// The secret.
        secret: PlainToken,
    },
    /// A token that it signed, with the `client_id` if the form has one.
    Assertion {
        /// The `client_id`.
        id: Option<String>,
        /// The token.
        assertion: PlainToken,
    },
    /// Its `client_id` alone.
    Public {
        /// The `client_id`.
        id: String,
    },
}

impl Credentials {
    fn client(&self, core: &Core) -> Option<ClientId> {
        match self {
            Self::Basic { id, .. } | Self::Post { id, .. } | Self::Public { id } => ClientId::parse(id).ok(),
            Self::Assertion { id, assertion } => {
                let named = core.assertions.client_of(assertion.expose())?;
                id.as_ref().is_none_or(|id| id == named.as_str()).then_some(named)
            }
        }
    }
}

/// Authenticates a client. An unknown id causes the same work as a known one.
pub async fn execute(core: &Core, credentials: &Credentials) -> Result<Client, Failure<NotAuthenticated>> {
    let refused = || Failure::Refused(NotAuthenticated);
    let Some(id) = credentials.client(core) else { return Err(refused()) };
    let found = core.store.read().await?.clients().by_id(&id).await?;
    let is_proven = match credentials {
        Credentials::Basic { secret, .. } => {
            has_secret(core, found.as_ref(), AuthMethod::ClientSecretBasic, secret).await?
        }
        Credentials::Post { secret, .. } => {
            has_secret(core, found.as_ref(), AuthMethod::ClientSecretPost, secret).await?
        }
        Credentials::Assertion { assertion, .. } => is_asserted(core, found.as_ref(), assertion).await?,
        Credentials::Public { .. } => {
            found.as_ref().is_some_and(|client| client.settings.auth_method == AuthMethod::None)
        }
    };
    found.filter(|client| is_proven && client.is_active()).ok_or_else(refused)
}

/// Whether the client has this secret and may present it this way. A service may present it either way.
async fn has_secret(
    core: &Core,
    client: Option<&Client>,
    method: AuthMethod,
    secret: &PlainToken,
) -> Result<bool, PortFailure> {
    let uid = client.map_or_else(|| super::ClientUid::from_uuid(uuid::Uuid::nil()), |client| client.uid);
    let secrets = core.store.read().await?.clients().secrets(uid).await?;
    let now = core.clock.now();
    let digest: TokenDigest = core.verifier.digest(secret);
    let matches = secrets.iter().filter(|one| one.is_valid(now)).any(|one| one.digest == digest);
    Ok(matches && client.is_some_and(|client| accepts(client, method)))
}

fn accepts(client: &Client, method: AuthMethod) -> bool {
    let own = client.settings.auth_method;
    own == method || (client.settings.kind == ClientKind::Service && own.has_secret())
}

/// Whether the client signed this assertion and uses it for the first time.
async fn is_asserted(
    core: &Core,
    client: Option<&Client>,
    assertion: &PlainToken,
) -> Result<bool, PortFailure> {
    let now = core.clock.now();
    let Some(client) = client.filter(|client| client.settings.auth_method == AuthMethod::PrivateKeyJwt)
    else {
        return Ok(false);
    };
    let Some(jwks) = &client.settings.jwks else { return Ok(false) };
    let Some(verified) = core.assertions.verify(assertion, &client.id, jwks, now) else { return Ok(false) };
    let digest = core.verifier.digest(&PlainToken::new(verified.id));
    let mut unit = core.store.begin().await?;
    let is_first = unit.clients().use_assertion(client.uid, &digest, verified.expires_at).await?;
    unit.commit().await?;
    Ok(is_first)
}
