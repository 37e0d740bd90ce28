//! Cryptography: RSA keys, tokens, password hashes, sealed secrets and second factors. Libraries implement every
//! algorithm; these modules contain the rules for using them.

pub mod argon2;
pub mod client_assertions;
mod hmac_sha256;
pub mod jwt;
mod keyed_hash;
pub mod keyring;
pub mod keys;
mod legacy_hash;
pub mod passkey;
pub mod ring;
pub mod totp;
