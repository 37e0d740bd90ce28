//! JWK sets (RFC 7517 section 5) of public keys (RFC 7518 section 6).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::object::Object;

/// The longest JWK set, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// How many keys are tried for an assertion.
const MAX_CANDIDATES: usize = 10;
/// The sizes of an RSA modulus, in bits (RFC 7518 section 3.3).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The longest public exponent, in bytes.
const MAX_EXPONENT_BYTES: usize = 4;
/// The members of private and symmetric keys (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A signature algorithm (RFC 7518 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA with PKCS #1 v1.5 padding.
    Rs256,
    /// RSA with PSS padding.
    Ps256,
    /// ECDSA on P-256.
    Es256,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Rs256, Self::Ps256, Self::Es256];

    /// Parses a name. Returns `None` for all other algorithms, and for `none`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// The keys of a set that can verify assertions.
pub(super) struct Keys(Vec<Key>);

/// The members of a set.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Object>,
}

impl Keys {
    /// Parses a set. Returns `None` if it is no set, or if it contains a private key. Keys of other kinds and for other
    /// uses are left out (RFC 7517 section 5).
    pub(super) fn parse(jwks: &str) -> Option<Self> {
        // The deserializer of a struct would also accept an array.
        if jwks.len() > MAX_BYTES || !jwks.trim_ascii_start().starts_with('{') {
            return None;
        }
        let KeySet { keys } = serde_json::from_str(jwks).ok()?;
        let is_secret = |key: &Object| SECRETS.iter().any(|name| key.get(name).is_some());
        if keys.iter().any(is_secret) {
            return None;
        }
        Some(Self(keys.iter().filter_map(Key::read).collect()))
    }

    /// Whether there is a key that can verify assertions.
    pub(super) fn can_verify(&self) -> bool {
        self.0.iter().any(|key| Algorithm::ALL.into_iter().any(|algorithm| key.fits(algorithm)))
    }

    /// Returns the keys with this id that permit this algorithm; without an id, those with any or none.
    pub(super) fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        let is_named = move |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        self.0.iter().filter(is_named).filter(move |key| key.fits(algorithm)).take(MAX_CANDIDATES)
    }
}

/// A public key for signatures.
pub(super) struct Key {
    kid: Option<String>,
    /// The only algorithm, if the key has one.
    algorithm: Option<Algorithm>,
    material: Material,
}

enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(ParsedPublicKey),
}

impl Key {
    fn read(jwk: &Object) -> Option<Self> {
        let is_text = |name, text: &str| jwk.get(name).is_none_or(|value| value.as_str() == Some(text));
        let verifies = |operation: &Value| operation.as_str() == Some("verify");
        let may_verify = match jwk.get("key_ops") {
            Some(operations) => operations.as_array()?.iter().any(verifies),
            None => true,
        };
        if !is_text("use", "sig") || !may_verify {
            return None;
        }
        let kid = match jwk.get("kid") {
            Some(kid) => Some(kid.as_str()?.to_owned()),
            None => None,
        };
        let algorithm = match jwk.get("alg") {
            Some(algorithm) => Some(Algorithm::from_name(algorithm.as_str()?)?),
            None => None,
        };
        let material = match jwk.text("kty")? {
            "RSA" => Material::Rsa(rsa_key(jwk)?),
            "EC" => Material::P256(p256_key(jwk)?),
            _ => return None,
        };
        Some(Self { kid, algorithm, material })
    }

    /// Whether the key permits this algorithm.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_kind = match self.material {
            Material::Rsa(_) => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Material::P256(_) => algorithm == Algorithm::Es256,
        };
        is_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether the key made this signature of the message by this algorithm.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (&self.material, algorithm) {
            (Material::Rsa(key), Algorithm::Rs256) => {
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            (Material::Rsa(key), Algorithm::Ps256) => {
                key.verify(&RSA_PSS_2048_8192_SHA256, message, signature).is_ok()
            }
            (Material::P256(key), Algorithm::Es256) => key.verify_sig(message, signature).is_ok(),
            _ => false,
        }
    }
}

/// Reads an RSA key: its numbers have no leading zeros, and are odd.
fn rsa_key(jwk: &Object) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let has_size = RSA_BITS.contains(&bits(&n)?);
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let is_exponent = bits(&e)? > 1 && e.len() <= MAX_EXPONENT_BYTES;
    (has_size && is_odd(&n) && is_odd(&e) && is_exponent).then_some(RsaPublicKeyComponents { n, e })
}

/// Returns the length of a number in bits; `None` if it starts with a zero.
fn bits(number: &[u8]) -> Option<usize> {
    let first = number.first().filter(|first| **first != 0)?;
    let unused = usize::try_from(first.leading_zeros()).ok()?;
    Some(number.len() * 8 - unused)
}

/// Reads a point on P-256, in its uncompressed form (SEC 1 section 2.3.3).
fn p256_key(jwk: &Object) -> Option<ParsedPublicKey> {
    let coordinate = |name| bytes(jwk, name).filter(|coordinate| coordinate.len() == 32);
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    if jwk.text("crv") != Some("P-256") {
        return None;
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[0x04], &x[..], &y[..]].concat()).ok()
}

fn bytes(jwk: &Object, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.text(name)?).ok()
}
