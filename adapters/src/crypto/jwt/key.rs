use inwren_domain::token::{InvalidToken, SigningError};
use serde::Serialize;

use super::envelope::{Compact, Header};
use crate::crypto::keys::{KeyError, KeyPair};

/// What a library makes of a key pair, and all in which one adapter differs from the other. It signs and verifies
/// RS256 and nothing else, whatever a token says of itself.
pub trait TokenKey: Sized + Send + Sync {
    /// Takes the pair over.
    fn new(pair: &KeyPair) -> Result<Self, KeyError>;

    /// Makes a token of the payload, under this header of this very key.
    fn sign(&self, header: &Header, payload: &impl Serialize) -> Result<String, SigningError>;

    /// Checks the signature of a token whose header is one of this key's. The claims are not judged here.
    fn verify(&self, token: &Compact<'_>) -> Result<(), InvalidToken>;
}
