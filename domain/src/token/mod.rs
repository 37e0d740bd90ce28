//! Tokens: their claims, and the ports that sign and verify them.

mod claims;
mod key_directory;
mod legacy;
mod legacy_verifier;
mod ports;

pub use crate::client::FIRST_PARTY_CLIENT;
pub use claims::{
    AccessClaims, ApplicationClaims, ClaimValue, ClientClaims, IdClaims, IdHint, IssuedToken, LogoutClaims,
    RefreshClaims, TokenPair,
};
pub use key_directory::{KeyDirectory, KeyState, PublishedKey};
pub use legacy::{LegacyClaims, LegacySubject};
pub use legacy_verifier::LegacyTokenVerifier;
pub use ports::{InvalidToken, SigningError, TokenIssuer, TokenVerifier};
