//! Cryptography: RSA keys, tokens and password hashes. Every algorithm is a library's; what stands here are the rules
//! for using it.

pub mod argon2;
pub mod jwt;
mod keyed_hash;
pub mod keys;
mod legacy_hash;
pub mod ring;
