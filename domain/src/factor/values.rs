use std::fmt;

/// The name of a factor: 1 to 64 characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorName(String);

/// Why a text is no name of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {} characters, and no control characters", FactorName::MAX_CHARS)]
pub struct InvalidFactorName;

impl FactorName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks a name. Spaces around it are removed.
    pub fn parse(text: &str) -> Result<Self, InvalidFactorName> {
        let name = text.trim();
        let fits = !name.is_empty() && name.chars().count() <= Self::MAX_CHARS;
        // Direction marks could make one name look like another.
        let is_clean = !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        if fits && is_clean { Ok(Self(name.to_owned())) } else { Err(InvalidFactorName) }
    }

    /// Wraps a name from the store.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a passkey: 1 to 1,023 bytes (WebAuthn Level 3 section 4, credential id).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// Longest id, in bytes.
    pub const MAX_BYTES: usize = 1_023;

    /// Wraps an id. `None` if it is empty or too long.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty() && bytes.len() <= Self::MAX_BYTES).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The handle that identifies a user to an authenticator: 32 random bytes, which tell nothing about the user (WebAuthn
/// Level 3 section 14.6.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserHandle([u8; 32]);

impl UserHandle {
    /// Wraps the bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for UserHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserHandle(…)")
    }
}

/// An algorithm of passkeys (RFC 9053 section 2; RFC 8812 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoseAlgorithm {
    /// ECDSA on P-256 with SHA-256. The key is the uncompressed point: 65 bytes.
    Es256,
    /// Ed25519. The key has 32 bytes.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256. The key is a DER `RSAPublicKey` (RFC 8017 appendix A.1.1).
    Rs256,
}

impl CoseAlgorithm {
    /// All algorithms, preferred first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The number in the IANA registry of COSE algorithms.
    pub const fn id(self) -> i32 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Rs256 => -257,
        }
    }

    /// Whether a public key of this algorithm can have so many bytes. An RSA key has a modulus of 2048 to 4096 bits.
    pub const fn fits(self, key_bytes: usize) -> bool {
        match self {
            Self::Es256 => key_bytes == 65,
            Self::EdDsa => key_bytes == 32,
            Self::Rs256 => key_bytes > 256 && key_bytes <= 600,
        }
    }

    /// Finds the algorithm with this number.
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| i64::from(algorithm.id()) == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        assert_eq!(FactorName::parse(" My phone ").map(|name| name.0), Ok("My phone".to_owned()));
        let longest = "ü".repeat(FactorName::MAX_CHARS);
        assert!(FactorName::parse(&longest).is_ok());
        for wrong in [" ", "a\nb", "a\u{202e}b", &format!("{longest}u")] {
            assert_eq!(FactorName::parse(wrong), Err(InvalidFactorName), "{wrong:?}");
        }
    }

    #[test]
    fn credential_ids_have_bounds() {
        assert!(CredentialId::new(vec![0; 1]).is_some() && CredentialId::new(vec![0; 1_023]).is_some());
        assert!(CredentialId::new(Vec::new()).is_none() && CredentialId::new(vec![0; 1_024]).is_none());
    }
}
