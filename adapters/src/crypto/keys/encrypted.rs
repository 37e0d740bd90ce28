//! Encrypted private keys: PKCS#8 with AES-CBC and a key from PBKDF2 or scrypt (RFC 8018 section 6.2).

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::pem::PemLabel as _;
use pkcs8::der::{Decode as _, Reader as _};
use pkcs8::pkcs5::{EncryptionScheme, pbes2};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo};
use rsa::RsaPrivateKey;
use rsa::rand_core::RngCore as _;
use zeroize::Zeroizing;

use super::KeyError;

/// PBKDF2 iterations for each guess at a passphrase (OWASP Password Storage Cheat Sheet, PBKDF2 with HMAC-SHA-256).
const PBKDF2_ITERATIONS: u32 = 600_000;
/// Limits on the cost that a key file may demand. Without them a damaged file could keep startup busy for hours or take
/// all memory.
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;
const MAX_SCRYPT_BYTES: u64 = 256 * 1024 * 1024;
const MAX_SCRYPT_LANES: u16 = 16;

/// Encrypts PKCS#8 DER with a fresh salt, and encodes it as PEM.
#[allow(
    clippy::disallowed_types,
    reason = "keys are made by the library from the operating system's generator"
)]
pub(super) fn encrypt(der: &[u8], passphrase: &str) -> Result<Zeroizing<String>, KeyError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rsa::rand_core::OsRng.try_fill_bytes(&mut salt).map_err(|_| KeyError::Generation)?;
    rsa::rand_core::OsRng.try_fill_bytes(&mut iv).map_err(|_| KeyError::Generation)?;
    let parameters = pbes2::Parameters::pbkdf2_sha256_aes256cbc(PBKDF2_ITERATIONS, &salt, &iv)
        .map_err(|_| KeyError::Generation)?;
    let plain = PrivateKeyInfo::try_from(der).map_err(|_| KeyError::Generation)?;
    let encrypted = plain.encrypt_with_params(parameters, passphrase).map_err(|_| KeyError::Generation)?;
    encrypted.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF).map_err(|_| KeyError::Generation)
}

/// Decrypts PKCS#8 DER with its passphrase.
pub(super) fn decrypt(der: &[u8], passphrase: &str) -> Result<RsaPrivateKey, KeyError> {
    let failed = |_| KeyError::WrongPassphrase;
    if let Some(cipher) = unsupported_cipher(der) {
        return Err(KeyError::Cipher(cipher));
    }
    let encrypted = EncryptedPrivateKeyInfo::try_from(der).map_err(failed)?;
    if !is_affordable(&encrypted.encryption_algorithm) {
        return Err(KeyError::Costly);
    }
    let plain = encrypted.decrypt(passphrase).map_err(failed)?;
    // If an elliptic-curve key decrypts, its passphrase is right.
    let plain = PrivateKeyInfo::try_from(plain.as_bytes()).map_err(failed)?;
    RsaPrivateKey::try_from(plain).map_err(|_| KeyError::NotAPrivateKey)
}

/// Returns the name of an unsupported cipher of an encrypted key. Returns `None` if it is supported, and for input that
/// is no encrypted key.
fn unsupported_cipher(der: &[u8]) -> Option<&'static str> {
    let scheme: AlgorithmIdentifierRef<'_> = AnyRef::from_der(der)
        .and_then(|key| {
            key.sequence(|reader| {
                let scheme = reader.decode()?;
                reader.decode::<OctetStringRef<'_>>()?;
                Ok(scheme)
            })
        })
        .ok()?;
    let mut oid = scheme.oid;
    if oid == pbes2::PBES2_OID {
        let cipher = scheme.parameters?.sequence(|reader| {
            reader.decode::<AlgorithmIdentifierRef<'_>>()?;
            reader.decode::<AlgorithmIdentifierRef<'_>>()
        });
        oid = cipher.ok()?.oid;
    }
    let name = match oid.to_string().as_str() {
        "2.16.840.1.101.3.4.1.2" | "2.16.840.1.101.3.4.1.22" | "2.16.840.1.101.3.4.1.42" => {
            return of_sha1(der);
        }
        "2.16.840.1.101.3.4.1.6" | "2.16.840.1.101.3.4.1.26" | "2.16.840.1.101.3.4.1.46" => "AES in GCM mode",
        "1.2.840.113549.3.7" | "1.2.840.113549.1.12.1.3" | "1.2.840.113549.1.12.1.4" => "3DES",
        "1.3.14.3.2.7" | "1.2.840.113549.1.5.1" | "1.2.840.113549.1.5.3" | "1.2.840.113549.1.5.10" => "DES",
        "1.2.840.113549.1.12.1.1" | "1.2.840.113549.1.12.1.2" => "RC4",
        "1.2.840.113549.3.2"
        | "1.2.840.113549.1.5.4"
        | "1.2.840.113549.1.5.6"
        | "1.2.840.113549.1.5.11"
        | "1.2.840.113549.1.12.1.5"
        | "1.2.840.113549.1.12.1.6" => "RC2",
        _ => "an unknown cipher",
    };
    Some(name)
}

/// Detects key derivation with SHA-1, which OpenSSL before 1.1.0 used.
fn of_sha1(der: &[u8]) -> Option<&'static str> {
    let encrypted = EncryptedPrivateKeyInfo::try_from(der).ok()?;
    match &encrypted.encryption_algorithm.pbes2()?.kdf {
        pbes2::Kdf::Pbkdf2(kdf) if kdf.prf == pbes2::Pbkdf2Prf::HmacWithSha1 => Some("PBKDF2 with SHA-1"),
        _ => None,
    }
}

fn is_affordable(scheme: &EncryptionScheme<'_>) -> bool {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return true };
    match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count <= MAX_PBKDF2_ITERATIONS,
        pbes2::Kdf::Scrypt(scrypt) => {
            let block = 128 * u64::from(scrypt.block_size);
            let bytes = block.checked_mul(scrypt.cost_parameter);
            scrypt.parallelization <= MAX_SCRYPT_LANES && bytes.is_some_and(|bytes| bytes <= MAX_SCRYPT_BYTES)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use pkcs8::SecretDocument;

    use super::super::KeyPair;
    use super::*;

    #[test]
    fn encryptions_use_fresh_salts_and_many_rounds() {
        let pair = KeyPair::generate(2048).unwrap();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let pem = pair.to_encrypted_pem("correct horse").unwrap();
            let (_, document) = SecretDocument::from_pem(&pem).unwrap();
            let file = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).unwrap();
            let EncryptionScheme::Pbes2(parameters) = file.encryption_algorithm else {
                panic!("another scheme")
            };
            let pbes2::Kdf::Pbkdf2(kdf) = &parameters.kdf else { panic!("another function") };
            let pbes2::EncryptionScheme::Aes256Cbc { iv } = parameters.encryption else {
                panic!("another cipher")
            };
            assert_eq!((kdf.salt.len(), kdf.prf), (16, pbes2::Pbkdf2Prf::HmacWithSha256));
            assert!(kdf.iteration_count >= 600_000, "{}", kdf.iteration_count);
            seen.extend([kdf.salt.to_vec(), iv.to_vec(), file.encrypted_data.to_vec()]);
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((all, seen.len()), (6, 6), "something came twice");
    }

    #[test]
    fn a_key_that_costs_too_much_to_decrypt_is_refused() {
        let pair = KeyPair::generate(2048).unwrap();
        let der = pair.to_pkcs8_der().unwrap();
        let plain = PrivateKeyInfo::try_from(der.as_slice()).unwrap();
        let (salt, iv) = ([1; 16], [2; 16]);
        let cheap = pbes2::Parameters::pbkdf2_sha256_aes256cbc(1, &salt, &iv).unwrap();
        let read = |scheme: pbes2::Parameters<'_>| {
            let encrypted =
                EncryptedPrivateKeyInfo { encryption_algorithm: scheme.into(), encrypted_data: &[0; 1_232] };
            let document = SecretDocument::try_from(encrypted).unwrap();
            let pem = document.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF).unwrap();
            KeyPair::read(&pem, Some("x")).err()
        };
        let pbkdf2 = |iterations| {
            let mut scheme = cheap.clone();
            let pbes2::Kdf::Pbkdf2(kdf) = &mut scheme.kdf else { panic!("another function") };
            kdf.iteration_count = iterations;
            scheme
        };
        assert_eq!(read(pbkdf2(MAX_PBKDF2_ITERATIONS + 1)), Some(KeyError::Costly));
        assert_eq!(read(pbkdf2(1)), Some(KeyError::WrongPassphrase));
        let scrypt = |cost_parameter, block_size, parallelization| {
            let kdf = pbes2::ScryptParams {
                salt: &salt,
                cost_parameter,
                block_size,
                parallelization,
                key_length: None,
            };
            pbes2::Parameters { kdf: kdf.into(), ..cheap.clone() }
        };
        for costly in
            [scrypt(1 << 40, 8, 1), scrypt(1 << 14, u16::MAX, 1), scrypt(2, 8, 17), scrypt(1 << 63, 8, 1)]
        {
            assert_eq!(read(costly), Some(KeyError::Costly));
        }
        assert_eq!(read(scrypt(16, 8, 1)), Some(KeyError::WrongPassphrase));
        let parameters = pbes2::Parameters::pbkdf2_sha256_aes256cbc(1, &salt, &iv).unwrap();
        let document = plain.encrypt_with_params(parameters, "x").unwrap();
        let pem = document.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF).unwrap();
        assert!(KeyPair::read(&pem, Some("x")).is_ok());
    }
}
