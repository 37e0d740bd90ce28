//! Tokens that are almost right: signed with any algorithm and any key, over any header and claims.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaKeyPair, RsaSignatureEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use inwren_adapters::crypto::keys::KeyPair;
use serde_json::Value;

/// How to sign.
#[derive(Clone, Copy, Debug)]
pub enum Algorithm {
    /// As the service does.
    Rs256,
    /// With a longer digest.
    Rs512,
    /// With the other padding.
    Ps256,
}

/// Signs a header and claims as they are written, whatever they say.
pub fn sign(algorithm: Algorithm, key: &KeyPair, header: &str, claims: &str) -> String {
    let scheme: &RsaSignatureEncoding = match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
    };
    let pem = key.to_pem().expect("a key in PEM");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let private = RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).expect("base64")).expect("a private key");
    let input = input(header, claims);
    let mut signature = vec![0; private.public_modulus_len()];
    private.sign(scheme, &SystemRandom::new(), input.as_bytes(), &mut signature).expect("a signature");
    format!("{input}.{}", encode(&signature))
}

/// Signs with HMAC and SHA-256, whatever the header says.
pub fn sign_hs256(secret: &[u8], header: &str, claims: &str) -> String {
    let input = input(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", encode(tag.as_ref()))
}

/// Without a signature.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.", input(header, claims))
}

/// The header and the claims of a token.
pub fn open(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().expect("a header"), parts.next().expect("claims"))
}

/// As a part of a token.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn input(header: &str, claims: &str) -> String {
    format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()))
}
