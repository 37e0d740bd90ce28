//! Passwords: their rules, their hashes, and how a user or an operator changes one.

mod account;
pub mod change_password;
mod common_passwords;
mod context_words;
mod hash_scheme;
mod hasher;
mod password;
pub mod password_policy;
mod ports;
pub mod set_password;

pub use account::Account;
pub use context_words::ContextWords;
pub use hash_scheme::HashScheme;
pub use hasher::{AcceptedHashes, ClientTrust, HasherError, PasswordHasher, Requester, Verification};
pub use password::{Password, PasswordHash};
pub use ports::{CredentialReader, CredentialRepository};
