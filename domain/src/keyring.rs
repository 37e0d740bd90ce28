//! The port for the secret keys of the service.

use zeroize::Zeroizing;

/// Derives values from the secret keys that all instances share, the secrets of links and codes in letters, and seals
/// secrets for the store.
pub trait Keyring: Send + Sync {
    /// Returns the id of the key that derives new values.
    fn current(&self) -> SecretKeyId;

    /// Returns the ids of the other keys that the instance has. What they sealed is to be sealed with the current one.
    fn retired(&self) -> Vec<SecretKeyId>;

    /// Computes a message authentication code of 256 bits (HMAC, RFC 2104).
    ///
    /// It MUST be the same on every instance with the same keys. Codes for different purposes, and of messages that are
    /// split differently, MUST NOT be related. It MUST fail if the instance does not have the key: another instance may
    /// have created it a moment ago.
    fn mac(&self, key: SecretKeyId, purpose: &str, message: &[&[u8]]) -> Result<Mac, KeyringError>;

    /// Seals a secret with the current key (AES-256-GCM, NIST SP 800-38D). Each purpose MUST have a key of its own. The
    /// sealed form contains the nonce. It MUST open only with the same key, purpose and place: `bound_to` names the
    /// table, the row and the user.
    fn seal(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        nonce: [u8; 12],
        secret: &[u8],
    ) -> Result<Sealed, KeyringError>;

    /// Opens a sealed secret.
    fn open(
        &self,
        key: SecretKeyId,
        purpose: &str,
        bound_to: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError>;
}

/// Identifies a secret key. The id is not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretKeyId(u32);

impl SecretKeyId {
    /// Wraps an id.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A sealed secret, and the key that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The key.
    pub key: SecretKeyId,
    /// The nonce, the encrypted secret and its authentication tag.
    pub bytes: Vec<u8>,
}

/// A message authentication code. It is a secret: links and codes are made of it.
pub type Mac = Zeroizing<[u8; 32]>;

/// Why nothing can be derived, sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The instance does not have this key.
    #[error("the secret key {} is not in the file of SECRET_KEY_PATH", .0.get())]
    Unknown(SecretKeyId),
    /// The sealed secret was changed, or belongs to another place.
    #[error("a sealed secret does not open with the secret key {}", .0.get())]
    Sealed(SecretKeyId),
    /// The service has no secret keys.
    #[error(
        "there is no secret key: set SECRET_KEY_PATH, and create the file with `inwren secrets generate`"
    )]
    Missing,
}
