use time::OffsetDateTime;

use super::{ActionToken, ActionTokenId, Purpose};
use crate::account::User;
use crate::kernel::{ClientInfo, Email, PlainToken, SessionId, StoreError, UserId, base64url};
use crate::keyring::{KeyringError, SecretKeyId};
use crate::store::UnitOfWork;
use crate::{Core, PortFailure};

/// A token as its holder presents it, split into its parts. Nothing of it is verified.
#[derive(Clone, Debug)]
pub struct Parsed {
    id: uuid::Uuid,
    token: PlainToken,
}

/// The bytes of a token: the id of its key, its own id, and the code of both.
const TOKEN_BYTES: usize = 4 + 16 + 32;

impl Parsed {
    /// Splits a token. `None` if the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = zeroize::Zeroizing::new(base64url::decode::<TOKEN_BYTES>(text)?);
        let id = uuid::Uuid::from_slice(bytes.get(4..20)?).ok()?;
        Some(Self { id, token: PlainToken::new(text.to_owned()) })
    }

    /// The id in the token: of an action token or of a pending registration.
    pub(crate) fn id(&self) -> uuid::Uuid {
        self.id
    }

    /// The token.
    pub(crate) fn token(&self) -> &PlainToken {
        &self.token
    }
}

/// Derives a token from its id and from what it is bound to.
pub(crate) fn derive(
    core: &Core,
    key: SecretKeyId,
    purpose: &str,
    id: uuid::Uuid,
    bound_to: &[&[u8]],
) -> Result<PlainToken, KeyringError> {
    let message: Vec<&[u8]> =
        [id.as_bytes().as_slice()].into_iter().chain(bound_to.iter().copied()).collect();
    let mac = core.keyring()?.mac(key, purpose, &message)?;
    let mut token = zeroize::Zeroizing::new([0; TOKEN_BYTES]);
    let parts = key.get().to_be_bytes().into_iter().chain(*id.as_bytes()).chain(*mac);
    for (place, byte) in token.iter_mut().zip(parts) {
        *place = byte;
    }
    Ok(PlainToken::new(base64url::encode(token.as_slice())))
}

/// Derives the secret of a stored token again.
pub(crate) fn secret_of(core: &Core, token: &ActionToken) -> Result<PlainToken, KeyringError> {
    let user = token.user_id.as_uuid();
    let version = token.credential_version.to_be_bytes();
    derive(core, token.key_id, token.purpose.as_str(), token.id.as_uuid(), &[user.as_bytes(), &version])
}

/// Creates a token for the user as locked by the unit of work that stores it.
pub(crate) fn issue(
    core: &Core,
    id: ActionTokenId,
    purpose: Purpose,
    user: &User,
    email: Email,
    (session_id, client): (Option<SessionId>, &ClientInfo),
    now: OffsetDateTime,
) -> Result<(ActionToken, PlainToken), PortFailure> {
    let mut token = ActionToken {
        id,
        user_id: user.id,
        purpose,
        email,
        hashed_token: crate::kernel::TokenDigest::from_bytes([0; 32]),
        key_id: core.keyring()?.current(),
        credential_version: user.credential_version,
        session_id,
        client: client.clone(),
        wrong_codes: 0,
        created_at: now,
        expires_at: now + purpose.lifetime(),
    };
    let secret = secret_of(core, &token)?;
    token.hashed_token = core.verifier.digest(&secret);
    Ok((token, secret))
}

/// Voids the user's tokens after a change of a password, an address or a factor. Only undo tokens stay.
pub(crate) async fn void_all(unit: &mut dyn UnitOfWork, user: UserId) -> Result<(), StoreError> {
    unit.action_tokens().void_all(user).await.map(drop)
}

/// Finds the valid token with this purpose that the caller presents.
pub(crate) async fn find(
    core: &Core,
    parsed: &Parsed,
    purpose: Purpose,
    now: OffsetDateTime,
) -> Result<Option<ActionToken>, StoreError> {
    let digest = core.verifier.digest(parsed.token());
    let id = ActionTokenId::from_uuid(parsed.id());
    let found = core.store.read().await?.action_tokens().by_id(id).await?;
    Ok(found
        .filter(|token| token.purpose == purpose && token.hashed_token == digest && token.expires_at > now))
}
