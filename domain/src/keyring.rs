//! The port for the secret keys of the service.

use zeroize::Zeroizing;

/// Derives values from the secret keys that all instances share: the secrets of links and codes in letters.
pub trait Keyring: Send + Sync {
    /// Returns the id of the key that derives new values.
    fn current(&self) -> SecretKeyId;

    /// Computes a message authentication code of 256 bits (HMAC, RFC 2104).
    ///
    /// It MUST be the same on every instance with the same keys. Codes for different purposes, and of messages that are
    /// split differently, MUST NOT be related. It MUST fail if the instance does not have the key: another instance may
    /// have created it a moment ago.
    fn mac(&self, key: SecretKeyId, purpose: &str, message: &[&[u8]]) -> Result<Mac, KeyringError>;
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

/// A message authentication code. It is a secret: links and codes are made of it.
pub type Mac = Zeroizing<[u8; 32]>;

/// Why nothing can be derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The instance does not have this key.
    #[error("the secret key {} is not in the file of SECRET_KEY_PATH", .0.get())]
    Unknown(SecretKeyId),
    /// The service has no secret keys.
    #[error(
        "there is no secret key: set SECRET_KEY_PATH, and create the file with `inwren secrets generate`"
    )]
    Missing,
}
