use crate::Core;
use crate::kernel::{PlainToken, TokenDigest, base64url};

/// A code challenge of the method `S256` (RFC 7636 section 4.2): the SHA-256 digest of a verifier that only the
/// application knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PkceChallenge(String);

impl PkceChallenge {
    /// Parses a challenge: 32 bytes in base64url.
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode::<32>(text).map(|_| Self(text.to_owned()))
    }

    /// The challenge.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this is the verifier of a stored challenge.
pub(super) fn is_verifier(core: &Core, verifier: &str, challenge: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let has_form = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_allowed);
    let expected = base64url::decode(challenge).map(TokenDigest::from_bytes);
    has_form && expected == Some(core.verifier.digest(&PlainToken::new(verifier.to_owned())))
}
