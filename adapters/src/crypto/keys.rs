//! RSA key pairs: made, read, checked and named.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey, EncodeRsaPublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The smallest modulus that is accepted, in bits (RFC 7518 section 3.3).
pub const MIN_BITS: usize = 2048;
/// The largest modulus that is accepted, in bits: beyond it a signature costs more than a login.
pub const MAX_BITS: usize = 8192;

/// A private key and its public half, both checked.
pub struct KeyPair {
    private: RsaPrivateKey,
    public: PublicKey,
}

/// A public key and its name.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key: RsaPublicKey,
    id: String,
}

/// Why a key cannot be used. The message never has anything of the key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PKCS#8 nor PKCS#1 in PEM, or not an RSA key.
    #[error("is not an RSA private key in PEM (PKCS#8 or PKCS#1)")]
    NotAPrivateKey,
    /// Neither SPKI nor PKCS#1 in PEM, or not an RSA key.
    #[error("is not an RSA public key in PEM (SPKI or PKCS#1)")]
    NotAPublicKey,
    /// It is encrypted.
    #[error("is encrypted; give the key decrypted, in a file that only the service can read")]
    Encrypted,
    /// Its numbers do not belong together.
    #[error("is damaged: its numbers do not belong together")]
    Damaged,
    /// Too small or too large.
    #[error("has {0} bits; it must have 2048 to 8192")]
    Size(usize),
    /// There is none.
    #[error("is missing")]
    NoKey,
    /// The two halves are of different pairs.
    #[error("does not belong to the private key")]
    Mismatch,
    /// The key could not be made or encoded.
    #[error("could not be made")]
    Generation,
}

impl KeyPair {
    /// Makes a new pair. Takes a fraction of a second at 2048 bits, some seconds at 4096.
    #[allow(
        clippy::disallowed_types,
        reason = "keys are made by the library from the operating system's generator"
    )]
    pub fn generate(bits: usize) -> Result<Self, KeyError> {
        check_size(bits)?;
        let private =
            RsaPrivateKey::new(&mut rsa::rand_core::OsRng, bits).map_err(|_| KeyError::Generation)?;
        Self::from_private(private)
    }

    /// Reads a private key from PEM, PKCS#8 or PKCS#1, and checks it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let private = RsaPrivateKey::from_pkcs8_pem(pem)
            .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem))
            .map_err(|_| KeyError::NotAPrivateKey)?;
        private.validate().map_err(|_| KeyError::Damaged)?;
        Self::from_private(private)
    }

    fn from_private(private: RsaPrivateKey) -> Result<Self, KeyError> {
        let public = PublicKey::from_rsa(private.to_public_key())?;
        Ok(Self { private, public })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.private.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Generation)
    }

    /// The private key as PKCS#8 DER, for a signer.
    pub(crate) fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.private.to_pkcs8_der().map_err(|_| KeyError::Generation)?;
        Ok(Zeroizing::new(document.as_bytes().to_vec()))
    }
}

impl PublicKey {
    /// Reads a public key from PEM, SPKI or PKCS#1, and checks it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = RsaPublicKey::from_public_key_pem(pem)
            .or_else(|_| RsaPublicKey::from_pkcs1_pem(pem))
            .map_err(|_| KeyError::NotAPublicKey)?;
        Self::from_rsa(key)
    }

    fn from_rsa(key: RsaPublicKey) -> Result<Self, KeyError> {
        check_size(key.n().bits())?;
        let id = thumbprint(&key);
        Ok(Self { key, id })
    }

    /// Checks that this is the public half of a private key.
    pub fn check_belongs_to(&self, pair: &KeyPair) -> Result<(), KeyError> {
        if self.key == pair.public.key { Ok(()) } else { Err(KeyError::Mismatch) }
    }

    /// The key's name: its JWK thumbprint (RFC 7638) with SHA-256, in base64url. The `kid` of its tokens.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The modulus, big-endian (RFC 7518 section 6.3.1.1).
    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.key.n().to_bytes_be()
    }

    /// The public exponent, big-endian (RFC 7518 section 6.3.1.2).
    pub(crate) fn exponent(&self) -> Vec<u8> {
        self.key.e().to_bytes_be()
    }

    /// The public key as SPKI PEM.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.key.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Generation)
    }

    /// The public key as PKCS#1 DER, for a verifier.
    pub(crate) fn to_pkcs1_der(&self) -> Result<Vec<u8>, KeyError> {
        let document = self.key.to_pkcs1_der().map_err(|_| KeyError::Generation)?;
        Ok(document.as_bytes().to_vec())
    }
}

fn check_size(bits: usize) -> Result<(), KeyError> {
    if (MIN_BITS..=MAX_BITS).contains(&bits) { Ok(()) } else { Err(KeyError::Size(bits)) }
}

fn thumbprint(key: &RsaPublicKey) -> String {
    let number = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    // RFC 7638 section 3.2: the required members, in lexicographic order, without white space.
    let (e, n) = (number(key.e().to_bytes_be()), number(key.n().to_bytes_be()));
    let jwk = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // The key of RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ\
                 CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZ\
                 gnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniI\
                 qbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let n = rsa::BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(n).unwrap());
        let key = RsaPublicKey::new(n, rsa::BigUint::from(65537_u32)).unwrap();
        let key = PublicKey::from_rsa(key).unwrap();
        assert_eq!(key.id(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_pair_survives_pem() {
        let pair = KeyPair::generate(2048).unwrap();
        let again = KeyPair::from_pem(&pair.to_pem().unwrap()).unwrap();
        assert_eq!(again.public().id(), pair.public().id());
        let public = PublicKey::from_pem(&pair.public().to_pem().unwrap()).unwrap();
        assert_eq!(public.check_belongs_to(&pair), Ok(()));
        let other = KeyPair::generate(2048).unwrap();
        assert_eq!(public.check_belongs_to(&other), Err(KeyError::Mismatch));
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        assert_eq!(KeyPair::from_pem("").err(), Some(KeyError::NotAPrivateKey));
        assert_eq!(
            KeyPair::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").err(),
            Some(KeyError::NotAPrivateKey)
        );
        assert_eq!(
            KeyPair::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\n").err(),
            Some(KeyError::Encrypted)
        );
        assert_eq!(PublicKey::from_pem("hello").err(), Some(KeyError::NotAPublicKey));
        assert_eq!(KeyPair::generate(1024).err(), Some(KeyError::Size(1024)));
    }
}
