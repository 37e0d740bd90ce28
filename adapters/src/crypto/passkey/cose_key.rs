//! Public keys of passkeys: from COSE (RFC 9052 section 7; WebAuthn Level 3 section 5.8.5) to their stored
//! form, and their signatures (WebAuthn Level 3 section 6.5.5).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use inwren_domain::factor::{CoseAlgorithm, InvalidCeremony};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};

use super::cbor::{Item, Map};

/// Labels of the parameters of all keys.
const KTY: i128 = 1;
const ALG: i128 = 3;

/// Sizes of an RSA modulus in bits. A larger one costs more to verify than it adds.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Reads a COSE key: returns its algorithm and its stored form.
pub(super) fn read(key: &Map<'_>) -> Result<(CoseAlgorithm, Vec<u8>), InvalidCeremony> {
    let algorithm = integer(key, ALG).and_then(|id| CoseAlgorithm::from_id(id.try_into().ok()?));
    let algorithm = algorithm.ok_or(InvalidCeremony("the algorithm of the key was not offered"))?;
    let stored = match algorithm {
        CoseAlgorithm::Es256 => p256_point(key),
        CoseAlgorithm::EdDsa => ed25519_key(key),
        CoseAlgorithm::Rs256 => rsa_key(key),
    };
    let stored = stored.ok_or(InvalidCeremony("the public key is invalid"))?;
    parse(algorithm, &stored)?;
    Ok((algorithm, stored))
}

/// Verifies the signature of a message with a key in its stored form.
pub(super) fn verify(
    algorithm: CoseAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), InvalidCeremony> {
    let key = parse(algorithm, key)?;
    key.verify_sig(message, signature).map_err(|_| InvalidCeremony("the signature is invalid"))
}

/// Parses the stored form. A point that is not on its curve is refused.
fn parse(algorithm: CoseAlgorithm, key: &[u8]) -> Result<ParsedPublicKey, InvalidCeremony> {
    let scheme: &'static dyn VerificationAlgorithm = match algorithm {
        CoseAlgorithm::Es256 => &ECDSA_P256_SHA256_ASN1,
        CoseAlgorithm::EdDsa => &ED25519,
        CoseAlgorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
    };
    ParsedPublicKey::new(scheme, key).map_err(|_| InvalidCeremony("the public key is invalid"))
}

/// A key of type EC2 on P-256 (RFC 9053 section 7.1.1), as the uncompressed point (SEC 1 section 2.3.3).
fn p256_point(key: &Map<'_>) -> Option<Vec<u8>> {
    let is_p256 = integer(key, KTY) == Some(2) && integer(key, -1) == Some(1) && key.len() == 5;
    let coordinate = |label| bytes(key, label).filter(|coordinate| coordinate.len() == 32);
    let (x, y) = (coordinate(-2)?, coordinate(-3)?);
    is_p256.then(|| [&[0x04], x, y].concat())
}

/// A key of type OKP on Ed25519 (RFC 9053 section 7.2).
fn ed25519_key(key: &Map<'_>) -> Option<Vec<u8>> {
    let is_ed25519 = integer(key, KTY) == Some(1) && integer(key, -1) == Some(6) && key.len() == 4;
    let x = bytes(key, -2).filter(|x| x.len() == 32)?;
    is_ed25519.then(|| x.to_vec())
}

/// A key of type RSA (RFC 8230 section 4), in DER. Its library checks that the modulus and the exponent are
/// odd, and that the exponent has 2 to 33 bits.
fn rsa_key(key: &Map<'_>) -> Option<Vec<u8>> {
    let is_rsa = integer(key, KTY) == Some(3) && key.len() == 4;
    // Numbers have no leading zeros.
    let number = |label| bytes(key, label).filter(|bytes| bytes.first().is_some_and(|&first| first != 0));
    let (n, e) = (BigUint::from_bytes_be(number(-1)?), BigUint::from_bytes_be(number(-2)?));
    let public = RsaPublicKey::new(n, e).ok()?;
    let is_valid = is_rsa && RSA_BITS.contains(&public.n().bits());
    is_valid.then(|| public.to_pkcs1_der().ok().map(|der| der.into_vec()))?
}

fn integer(key: &Map<'_>, label: i128) -> Option<i128> {
    match key.at(label)? {
        Item::Integer(value) => Some(*value),
        _ => None,
    }
}

fn bytes<'a>(key: &Map<'a>, label: i128) -> Option<&'a [u8]> {
    match key.at(label)? {
        Item::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}
