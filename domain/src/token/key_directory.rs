use time::OffsetDateTime;

/// What all instances with the same signing keys have in common: the public keys with which tokens can be verified, and
/// hashes that nobody else can make.
pub trait KeyDirectory: Send + Sync {
    /// The keys to publish at this time, the one that signs first. There MUST be every key whose tokens the verifier
    /// accepts then, and every key that is about to sign; a revoked one MUST NOT be there.
    fn published(&self, now: OffsetDateTime) -> Vec<PublishedKey>;

    /// A keyed hash of a text, for names that must not be told in plain where others may read them.
    ///
    /// It MUST be the same wherever the signing keys are the same, and MUST tell nothing of the text or of the keys to
    /// whoever does not have them. Hashes for different purposes MUST NOT be related. It may change when the keys do.
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
    /// What the key does at this time.
    pub state: KeyState,
}

/// What a key does. It follows from times alone, so that all instances agree without telling each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, so that verifiers know it before it signs.
    Pending,
    /// It signs.
    Active,
    /// It signs no more, but tokens that it signed may still be good.
    Retired,
}
