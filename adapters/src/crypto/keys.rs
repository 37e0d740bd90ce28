//! RSA key pairs: generation, parsing, validation and key ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs8::der::pem::PemLabel;
use pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, EncryptedPrivateKeyInfo,
    LineEnding, PrivateKeyInfo,
};
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey, EncodeRsaPublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::pem;

mod encrypted;

/// Smallest accepted modulus in bits (RFC 7518 section 3.3).
pub const MIN_BITS: usize = 2048;
/// Largest accepted modulus in bits. Many libraries accept no larger one, and a signature costs more than a login.
pub const MAX_BITS: usize = 4096;
/// Accepted public exponent.
const EXPONENT: u32 = 65537;
/// A private key and its public half, both validated.
#[derive(Clone)]
pub struct KeyPair {
    private: RsaPrivateKey,
    public: PublicKey,
}

/// A public key and its id.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key: RsaPublicKey,
    id: String,
}

/// Why a key cannot be used. The message never contains key material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PKCS#8 nor PKCS#1 in PEM, or not an RSA key.
    #[error("is not an RSA private key in PEM (PKCS#8 or PKCS#1)")]
    NotAPrivateKey,
    /// Neither SPKI nor PKCS#1 in PEM, or not an RSA key.
    #[error("is not an RSA public key in PEM (SPKI or PKCS#1)")]
    NotAPublicKey,
    /// It is encrypted, and no passphrase is set.
    #[error("is encrypted: set PRIVATE_KEY_PASSPHRASE or PRIVATE_KEY_PASSPHRASE_FILE")]
    Encrypted,
    /// The passphrase is wrong, or the file is damaged.
    #[error("cannot be decrypted with PRIVATE_KEY_PASSPHRASE")]
    WrongPassphrase,
    /// Trying the passphrase would cost more time or memory than any tool demands.
    #[error("is damaged, or costs too much to decrypt")]
    Costly,
    /// The encryption is not AES in CBC mode with a key derived by PBKDF2 or scrypt.
    #[error(
        "is encrypted with {0}, which is not supported: convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    Cipher(&'static str),
    /// It uses the encryption of OpenSSL before PKCS#8.
    #[error("is encrypted in an old form: convert it with `openssl pkcs8 -topk8`")]
    OldEncryption,
    /// Its numbers do not belong together.
    #[error("is damaged: its numbers do not belong together")]
    Damaged,
    /// Too small or too large.
    #[error("has {0} bits; it must have 2048 to 4096")]
    Size(usize),
    /// The public exponent is not the one that every library accepts.
    #[error("has an unusual public exponent; it must be 65537")]
    Exponent,
    /// There is no key.
    #[error("is missing")]
    NoKey,
    /// The two halves belong to different pairs.
    #[error("does not belong to the private key")]
    Mismatch,
    /// The key could not be generated or encoded.
    #[error("could not be created")]
    Generation,
}

impl KeyPair {
    /// Generates a new pair. It takes a fraction of a second at 2048 bits and some seconds at 4096.
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

    /// Reads a private key from PEM, PKCS#8 or PKCS#1, and validates it. It ignores other content around the block (RFC
    /// 7468 section 2): text, certificates, a public key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::read(pem, None)
    }

    /// Reads a private key from PEM as [`from_pem`](Self::from_pem) does, or from encrypted PKCS#8 (RFC 8018 section
    /// 6.2). It ignores the passphrase if the key is not encrypted.
    pub fn read(pem: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        if let Some(pem) = with_line_ends(pem) {
            return Self::read(&pem, passphrase);
        }
        let block = pem::blocks(pem).find(|block| block.label.ends_with(PrivateKeyInfo::PEM_LABEL));
        let block = block.ok_or_else(|| without_block(pem, passphrase))?;
        if block.has_old_encryption() {
            return Err(KeyError::OldEncryption);
        }
        let is_encrypted = block.label == EncryptedPrivateKeyInfo::PEM_LABEL;
        if is_encrypted && passphrase.is_none() {
            return Err(KeyError::Encrypted);
        }
        let der = block.der().ok_or(KeyError::NotAPrivateKey)?;
        let private = match (block.label, passphrase) {
            (PrivateKeyInfo::PEM_LABEL, _) => {
                RsaPrivateKey::from_pkcs8_der(&der).map_err(|_| KeyError::NotAPrivateKey)
            }
            ("RSA PRIVATE KEY", _) => {
                RsaPrivateKey::from_pkcs1_der(&der).map_err(|_| KeyError::NotAPrivateKey)
            }
            (_, Some(passphrase)) if is_encrypted => encrypted::decrypt(&der, passphrase),
            _ => Err(KeyError::NotAPrivateKey),
        }?;
        private.validate().map_err(|_| KeyError::Damaged)?;
        Self::from_private(private)
    }

    fn from_private(private: RsaPrivateKey) -> Result<Self, KeyError> {
        let public = PublicKey::from_rsa(private.to_public_key())?;
        Ok(Self { private, public })
    }

    /// Returns the public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Encodes the private key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.private.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Generation)
    }

    /// Encodes the private key as encrypted PKCS#8 PEM, which every library reads: AES-256-CBC with a key from PBKDF2.
    pub fn to_encrypted_pem(&self, passphrase: &str) -> Result<Zeroizing<String>, KeyError> {
        encrypted::encrypt(&self.to_pkcs8_der()?, passphrase)
    }

    /// Encodes the private key as PKCS#8 DER, for a signer.
    pub(crate) fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.private.to_pkcs8_der().map_err(|_| KeyError::Generation)?;
        Ok(Zeroizing::new(document.as_bytes().to_vec()))
    }
}

impl PublicKey {
    /// Reads a public key from PEM, SPKI or PKCS#1, and validates it. It ignores other content around the block.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if let Some(pem) = with_line_ends(pem) {
            return Self::from_pem(&pem);
        }
        let key = pem::blocks(pem).find_map(|block| match block.label {
            "PUBLIC KEY" => Some(RsaPublicKey::from_public_key_der(&block.der()?).ok()),
            "RSA PUBLIC KEY" => Some(RsaPublicKey::from_pkcs1_der(&block.der()?).ok()),
            _ => None,
        });
        Self::from_rsa(key.flatten().ok_or(KeyError::NotAPublicKey)?)
    }

    /// Builds a public key from the members `n` and `e` of a JWK (RFC 7518 section 6.3.1), and validates it.
    pub fn from_jwk(modulus: &str, exponent: &str) -> Result<Self, KeyError> {
        let number = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NotAPublicKey)?;
            Ok(BigUint::from_bytes_be(&bytes))
        };
        let key = RsaPublicKey::new(number(modulus)?, number(exponent)?);
        Self::from_rsa(key.map_err(|_| KeyError::NotAPublicKey)?)
    }

    fn from_rsa(key: RsaPublicKey) -> Result<Self, KeyError> {
        check_size(key.n().bits())?;
        if *key.e() != BigUint::from(EXPONENT) {
            return Err(KeyError::Exponent);
        }
        let id = thumbprint(&key);
        Ok(Self { key, id })
    }

    /// Checks that this is the public half of a private key.
    pub fn check_belongs_to(&self, pair: &KeyPair) -> Result<(), KeyError> {
        if self.key == pair.public.key { Ok(()) } else { Err(KeyError::Mismatch) }
    }

    /// Returns the key id: the JWK thumbprint (RFC 7638) with SHA-256, in base64url. It is the `kid` of the key's
    /// tokens.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the modulus, big-endian (RFC 7518 section 6.3.1.1).
    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.key.n().to_bytes_be()
    }

    /// Returns the public exponent, big-endian (RFC 7518 section 6.3.1.2).
    pub(crate) fn exponent(&self) -> Vec<u8> {
        self.key.e().to_bytes_be()
    }

    /// Encodes the public key as SPKI PEM.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.key.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Generation)
    }

    /// Encodes the public key as PKCS#1 DER, for a verifier.
    #[cfg_attr(not(feature = "aws-lc"), allow(dead_code, reason = "jwt-simple does this by itself"))]
    pub(crate) fn to_pkcs1_der(&self) -> Result<Vec<u8>, KeyError> {
        let document = self.key.to_pkcs1_der().map_err(|_| KeyError::Generation)?;
        Ok(document.as_bytes().to_vec())
    }
}

/// Restores the line ends of PEM from an environment variable, which is one line with `\n` instead of line ends.
/// Returns `None` for other PEM.
fn with_line_ends(pem: &str) -> Option<Zeroizing<String>> {
    let in_one_line = pem.contains("\\n") && !pem.trim().contains('\n');
    in_one_line.then(|| Zeroizing::new(pem.trim().replace("\\r", "").replace("\\n", "\n")))
}

/// Returns what is wrong with PEM that has no complete block of a private key.
fn without_block(pem: &str, passphrase: Option<&str>) -> KeyError {
    if pem.contains("Proc-Type: 4,ENCRYPTED") {
        KeyError::OldEncryption
    } else if passphrase.is_none() && pem.contains(EncryptedPrivateKeyInfo::PEM_LABEL) {
        KeyError::Encrypted
    } else {
        KeyError::NotAPrivateKey
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
        // The key from RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ\
                 CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZ\
                 gnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniI\
                 qbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::from_jwk(n, "AQAB").unwrap();
        assert_eq!(key.id(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn an_invalid_jwk_is_refused() {
        let n = URL_SAFE_NO_PAD.encode([0xff; 256]);
        assert!(PublicKey::from_jwk(&n, "AQAB").is_ok());
        for (modulus, exponent, error) in [
            ("?", "AQAB", KeyError::NotAPublicKey),
            (n.as_str(), "?", KeyError::NotAPublicKey),
            (&n[..64], "AQAB", KeyError::Size(384)),
            (n.as_str(), "Aw", KeyError::Exponent),
        ] {
            assert_eq!(PublicKey::from_jwk(modulus, exponent).unwrap_err(), error, "{modulus} {exponent}");
        }
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
    fn a_key_in_one_line_is_the_same() {
        let pair = KeyPair::generate(2048).unwrap();
        let one_line = |pem: &str, end: &str| pem.replace('\n', end);
        for end in ["\\n", "\\r\\n"] {
            for after in ["", "\n", "\r\n"] {
                let private = one_line(&pair.to_pem().unwrap(), end) + after;
                assert_eq!(KeyPair::from_pem(&private).unwrap().public().id(), pair.public().id());
                let public = one_line(&pair.public().to_pem().unwrap(), end) + after;
                assert_eq!(PublicKey::from_pem(&public).unwrap().check_belongs_to(&pair), Ok(()));
            }
        }
        let encrypted = one_line(&pair.to_encrypted_pem("correct horse").unwrap(), "\\n");
        assert!(KeyPair::read(&encrypted, Some("correct horse")).is_ok());
        assert_eq!(KeyPair::from_pem("\\n").err(), Some(KeyError::NotAPrivateKey));
        assert_eq!(PublicKey::from_pem(" \\n ").err(), Some(KeyError::NotAPublicKey));
    }

    #[test]
    fn an_encrypted_pair_needs_its_passphrase() {
        let pair = KeyPair::generate(2048).unwrap();
        let pem = pair.to_encrypted_pem("correct horse").unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        let again = KeyPair::read(&pem, Some("correct horse")).unwrap();
        assert_eq!(again.public().id(), pair.public().id());
        assert_eq!(KeyPair::read(&pem, None).err(), Some(KeyError::Encrypted));
        assert_eq!(KeyPair::read(&pem, Some("wrong")).err(), Some(KeyError::WrongPassphrase));
        assert!(KeyPair::read(&pair.to_pem().unwrap(), Some("not needed")).is_ok());
    }

    #[test]
    fn a_key_that_some_library_would_not_take_is_refused() {
        let public = |bits: usize, e: u32| {
            let n = (BigUint::from(1_u32) << (bits - 1)) + BigUint::from(1_u32);
            PublicKey::from_rsa(RsaPublicKey::new_with_max_size(n, BigUint::from(e), 1 << 14).unwrap()).err()
        };
        assert_eq!(public(2047, EXPONENT), Some(KeyError::Size(2047)));
        assert_eq!(public(2048, EXPONENT), None);
        assert_eq!(public(4096, EXPONENT), None);
        assert_eq!(public(4097, EXPONENT), Some(KeyError::Size(4097)));
        assert_eq!(public(2048, 3), Some(KeyError::Exponent));
        assert_eq!(public(2048, EXPONENT + 2), Some(KeyError::Exponent));
        assert_eq!(KeyPair::generate(4104).err(), Some(KeyError::Size(4104)));
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
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n";
        assert_eq!(KeyPair::from_pem(old).err(), Some(KeyError::OldEncryption));
        assert_eq!(PublicKey::from_pem("hello").err(), Some(KeyError::NotAPublicKey));
        assert_eq!(KeyPair::generate(1024).err(), Some(KeyError::Size(1024)));
    }
}
