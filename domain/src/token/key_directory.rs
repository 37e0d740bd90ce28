use time::OffsetDateTime;

/// The signing keys that all instances share: publishes the public keys that verify tokens, and computes hashes that
/// only holders of the keys can compute.
pub trait KeyDirectory: Send + Sync {
    /// Returns the keys to publish at this time, the signing key first. It MUST include every key whose tokens the
    /// verifier accepts at that time, and every key that is about to sign. It MUST NOT include a revoked key.
    fn published(&self, now: OffsetDateTime) -> Vec<PublishedKey>;

    /// Computes a keyed hash of a text, for names that must not appear in plain text where others may read them.
    ///
    /// It MUST be the same wherever the signing keys are the same, and MUST reveal nothing about the text or the keys
    /// to a party that does not have the keys. Hashes for different purposes MUST NOT be related. It may change when
    /// the keys do.
    fn keyed_hash(&self, purpose: &str, text: &str) -> [u8; 32];
}

/// The public half of a signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKey {
    /// The `kid` of its tokens: the JWK thumbprint (RFC 7638).
    pub id: String,
    /// The modulus, big-endian and without leading zeros.
    pub modulus: Vec<u8>,
    /// The public exponent, in the same form.
    pub exponent: Vec<u8>,
    /// The state of the key at this time.
    pub state: KeyState,
}

/// The state of a key. It depends on times alone, so that all instances agree without communicating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published before it signs, so that verifiers already know it.
    Pending,
    /// Signs new tokens.
    Active,
    /// No longer signs, but tokens that it signed may still be valid.
    Retired,
}
