use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keys::{KeyError, KeyPair};

/// A key of HMAC-SHA-256, padded with zeros to the block size of the hash (RFC 2104 section 2).
type Block = [u8; 64];

/// Separates the secret from other values derived from a signing key.
const SALT: Block = filled_up(*b"inwren keyed hash v1");

/// A secret that all holders of the same signing key derive, and from which the key cannot be recovered.
pub(super) struct HashSecret(Zeroizing<Block>);

impl HashSecret {
    /// Derives the secret from the private key (HKDF-Extract, RFC 5869 section 2.2).
    pub(super) fn derive(pair: &KeyPair) -> Result<Self, KeyError> {
        let der = pair.to_pkcs8_der()?;
        Ok(Self(Zeroizing::new(filled_up(hmac(&SALT, &[&der])))))
    }

    /// Hashes a text for a purpose. A purpose contains no NUL, so two different pairs of purpose and text never give
    /// the same bytes.
    pub(super) fn hash(&self, purpose: &str, text: &str) -> [u8; 32] {
        hmac(&self.0, &[purpose.as_bytes(), &[0], text.as_bytes()])
    }
}

fn hmac(key: &Block, message: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new(key.into());
    for part in message {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

const fn filled_up<const N: usize>(key: [u8; N]) -> Block {
    let mut block = [0; 64];
    let (start, _) = block.split_at_mut(N);
    start.copy_from_slice(&key);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hmac_of_the_standard() {
        // RFC 4231 section 4.3.
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(hmac(&filled_up(*b"Jefe"), &[b"what do ya want ", b"for nothing?"]), expected);
    }

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
