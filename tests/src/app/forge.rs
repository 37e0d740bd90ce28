//! Forged tokens: any header and any claims, with any signature.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use inwren_adapters::crypto::keys::KeyPair;
use serde_json::{Value, json};

/// Signature algorithms for an RSA key.
#[derive(Clone, Copy, Debug)]
pub enum Algorithm {
    /// The algorithm of the service.
    Rs256,
    /// A longer digest.
    Rs384,
    /// The longest digest.
    Rs512,
    /// PSS padding.
    Ps256,
    /// PSS padding and the longest digest.
    Ps512,
}

/// A signer that signs any input with an RSA key.
pub struct Forger(RsaKeyPair);

impl Forger {
    /// A forger with this key.
    pub fn with(key: &KeyPair) -> Self {
        let pem = key.to_pem().expect("a key in PEM");
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).expect("base64");
        Self(RsaKeyPair::from_pkcs8(&der).expect("a private key"))
    }

    /// Signs a header and claims unchanged.
    pub fn sign(&self, algorithm: Algorithm, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let scheme: &'static dyn RsaEncoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_SHA512,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Ps512 => &RSA_PSS_SHA512,
        };
        assemble(header, claims, |input| {
            let mut signature = vec![0; self.0.public_modulus_len()];
            self.0.sign(scheme, &SystemRandom::new(), input, &mut signature).expect("a signature");
            signature
        })
    }

    /// The public key as PKCS#1 DER.
    pub fn public_der(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The public key as a JWK with this `kid`.
    pub fn jwk(&self, kid: &str) -> Value {
        // PKCS#1 ends with the modulus and, in five bytes, the exponent 65537.
        let der = self.public_der();
        let end = der.len() - 5;
        let modulus = &der[end - self.0.public_modulus_len()..end];
        json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": encode(modulus), "e": "AQAB" })
    }
}

/// Assembles a token. `sign` returns the signature for the first two parts.
pub fn assemble(
    header: impl AsRef<[u8]>,
    claims: impl AsRef<[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let input = format!("{}.{}", encode(header.as_ref()), encode(claims.as_ref()));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", encode(&signature))
}

/// Signs with HMAC-SHA-256.
pub fn hs256(secret: &[u8], header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    assemble(header, claims, |input| hmac::sign(&key, input).as_ref().to_vec())
}

/// Signs with a new key on the curve P-256.
pub fn es256(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a new key");
    assemble(header, claims, |input| {
        key.sign(&SystemRandom::new(), input).expect("a signature").as_ref().to_vec()
    })
}

/// Signs with a new Ed25519 key.
pub fn ed25519(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let key = Ed25519KeyPair::generate().expect("a new key");
    assemble(header, claims, |input| key.sign(input).as_ref().to_vec())
}

/// The header and the claims of a token.
pub fn open(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().expect("a header"), parts.next().expect("claims"))
}

/// Encodes bytes as a part of a token.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
