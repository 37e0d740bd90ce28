//! Signed JWTs (RFC 7519, RFC 7515, RFC 9068, OpenID Connect Core), RS256 only.
//!
//! Two adapters implement the port, and each verifies tokens that the other signed: [`AwsLcTokens`], which release
//! binaries use, and [`PortableTokens`] in pure Rust. Both are [`Tokens`], which holds all rules. They differ only in
//! the library that computes and checks signatures.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod classes;
mod envelope;
mod format;
mod key;
mod keys;
mod legacy;
mod offline;
mod openid;
mod payload;
#[cfg(feature = "portable")]
mod portable;
mod tokens;
mod verified;

pub(super) use envelope::Compact;
pub use envelope::MAX_TOKEN_BYTES;
pub use format::TokenFormat;
pub use keys::{SigningKey, SigningKeys};
pub use legacy::LegacyTokens;
pub use offline::OfflineVerifier;
pub use tokens::Tokens;

/// Tokens signed and verified with AWS-LC.
#[cfg(feature = "aws-lc")]
pub type AwsLcTokens = Tokens<aws_lc::AwsLcKey>;
/// Verifies tokens with AWS-LC and public keys only.
#[cfg(feature = "aws-lc")]
pub type AwsLcVerifier = OfflineVerifier<aws_lc::AwsLcKey>;
/// Tokens signed and verified with jwt-simple.
#[cfg(feature = "portable")]
pub type PortableTokens = Tokens<portable::PortableKey>;
/// Verifies tokens with jwt-simple and public keys only.
#[cfg(feature = "portable")]
pub type PortableVerifier = OfflineVerifier<portable::PortableKey>;
