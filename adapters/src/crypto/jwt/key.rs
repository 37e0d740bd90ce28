use inwren_domain::token::{InvalidToken, SigningError};
use serde::Serialize;

use super::envelope::{Compact, Header};
use crate::crypto::keys::{KeyError, KeyPair, PublicKey};

/// A key pair as a library holds it. With [`VerifyingKey`], it is the only code in which the two adapters differ. It
/// signs only RS256.
pub trait TokenKey: Sized + Send + Sync {
    /// The public half.
    type Public: VerifyingKey;

    /// Imports the pair.
    fn new(pair: &KeyPair) -> Result<Self, KeyError>;

    /// Creates a token with this payload and this header, which must belong to this key.
    fn sign(&self, header: &Header, payload: &impl Serialize) -> Result<String, SigningError>;

    /// Returns the public half.
    fn public(&self) -> &Self::Public;
}

/// A public key as a library holds it. It verifies only RS256, whatever algorithm a token names.
pub trait VerifyingKey: Sized + Send + Sync {
    /// Imports the key.
    fn new(key: &PublicKey) -> Result<Self, KeyError>;

    /// Checks the signature of a token whose header is one of this key's. It does not check the claims.
    fn verify(&self, token: &Compact<'_>) -> Result<(), InvalidToken>;
}
