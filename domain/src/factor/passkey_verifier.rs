use super::{CoseAlgorithm, CredentialId, Passkey};

/// Verifies the ceremonies of passkeys (WebAuthn Level 3 section 7). It keeps no state: the caller spends the challenge
/// and stores the counter.
///
/// Each check of a ceremony that does not need the store MUST be made here: type, challenge, origin, relying party,
/// flags, extensions, algorithm, key and signature. Encodings MUST be complete: trailing bytes, duplicate keys, CBOR of
/// more than 8 KiB or deeper than 4 levels MUST be refused.
pub trait PasskeyVerifier: Send + Sync {
    /// The challenge in the client data, as base64url, without verifying anything. `None` if the client data cannot be
    /// read.
    fn challenge(&self, client_data: &[u8]) -> Option<String>;

    /// Verifies the answer to creation options (WebAuthn Level 3 section 7.1). An attestation statement other than
    /// `none` MUST be ignored, not trusted.
    fn verify_creation(
        &self,
        answer: &Creation,
        expected: &Expected<'_>,
    ) -> Result<NewCredential, InvalidCeremony>;

    /// Verifies the answer to request options with a stored passkey (WebAuthn Level 3 section 7.2). It MUST compare the
    /// credential id, the user handle if the answer has one, and the eligibility for backup with the stored ones; the
    /// counter is the caller's to judge.
    fn verify_assertion(
        &self,
        answer: &Assertion,
        passkey: &Passkey,
        expected: &Expected<'_>,
    ) -> Result<Asserted, InvalidCeremony>;
}

/// What a ceremony must show.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The challenge, as base64url.
    pub challenge: &'a str,
    /// The relying party.
    pub relying_party: &'a RelyingParty,
    /// Whether the authenticator must have verified the user.
    pub needs_user_verification: bool,
}

/// The service, as authenticators know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The domain to which credentials are bound.
    pub id: String,
    /// The origins of pages that may use them, such as `https://example.org`. They are compared exactly.
    pub origins: Vec<String>,
}

/// What a browser returns from `navigator.credentials.create()`, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The `rawId`.
    pub credential_id: CredentialId,
    /// The client data: JSON.
    pub client_data: Vec<u8>,
    /// The attestation object: CBOR.
    pub attestation_object: Vec<u8>,
    /// How the authenticator is reached.
    pub transports: Vec<String>,
}

/// What a browser returns from `navigator.credentials.get()`, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The `rawId`.
    pub credential_id: CredentialId,
    /// The client data: JSON.
    pub client_data: Vec<u8>,
    /// The authenticator data.
    pub authenticator_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The user handle, if the authenticator returned one.
    pub user_handle: Option<Vec<u8>>,
}

/// A credential that was just created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// The algorithm of the key.
    pub algorithm: CoseAlgorithm,
    /// The public key, in the form that [`CoseAlgorithm`] names.
    pub public_key: Vec<u8>,
    /// The signature counter.
    pub sign_count: u32,
    /// Flag BE.
    pub is_backup_eligible: bool,
    /// Flag BS.
    pub is_backed_up: bool,
    /// Flag UV.
    pub verified_user: bool,
}

/// The result of an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// The signature counter.
    pub sign_count: u32,
    /// Flag BS.
    pub is_backed_up: bool,
    /// Flag UV.
    pub verified_user: bool,
}

/// What a use of a passkey changes in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasskeyUse {
    /// The signature counter.
    pub sign_count: u32,
    /// Flag BS.
    pub is_backed_up: bool,
}

impl From<Asserted> for PasskeyUse {
    fn from(asserted: Asserted) -> Self {
        Self { sign_count: asserted.sign_count, is_backed_up: asserted.is_backed_up }
    }
}

/// Why a ceremony was refused, for the log: the client learns only that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCeremony(pub &'static str);
