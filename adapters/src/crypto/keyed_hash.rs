use zeroize::Zeroizing;

use super::hmac_sha256::{Block, hmac, padded};
use super::keys::{KeyError, KeyPair};

/// Separates the secret from other values derived from a signing key.
const SALT: Block = padded(*b"inwren keyed hash v1");

/// A secret that all holders of the same signing key derive, and from which the key cannot be recovered.
pub(super) struct HashSecret(Zeroizing<Block>);

impl HashSecret {
    /// Derives the secret from the private key (HKDF-Extract, RFC 5869 section 2.2).
    pub(super) fn derive(pair: &KeyPair) -> Result<Self, KeyError> {
        let der = pair.to_pkcs8_der()?;
        Ok(Self(Zeroizing::new(padded(hmac(&SALT, &[&der])))))
    }

    /// Hashes a text for a purpose. A purpose contains no NUL, so two different pairs of purpose and text never give
    /// the same bytes.
    pub(super) fn hash(&self, purpose: &str, text: &str) -> [u8; 32] {
        hmac(&self.0, &[purpose.as_bytes(), &[0], text.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_hash_and_nothing_else_does() {
        let pair = KeyPair::generate(2048).unwrap();
        let again = KeyPair::from_pem(&pair.to_pem().unwrap()).unwrap();
        let hash = |pair: &KeyPair, purpose, text| HashSecret::derive(pair).unwrap().hash(purpose, text);
        let expected = hash(&pair, "a purpose", "ann@example.org");
        assert_eq!(hash(&again, "a purpose", "ann@example.org"), expected);
        assert_ne!(hash(&pair, "a purpose", "bob@example.org"), expected);
        assert_ne!(hash(&pair, "another purpose", "ann@example.org"), expected);
        assert_ne!(hash(&pair, "a purposea", "nn@example.org"), expected);
        assert_ne!(hash(&KeyPair::generate(2048).unwrap(), "a purpose", "ann@example.org"), expected);
    }
}
