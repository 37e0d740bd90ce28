//! Tokens as signed JWTs (RFC 7519, RFC 7515, RFC 9068), RS256 only.
//!
//! Two adapters stand behind the one port, and each verifies what the other signed: [`AwsLcTokens`], which release
//! binaries use, and [`PortableTokens`] in pure Rust. Both are [`Tokens`], which hold every rule; they differ only in
//! the library that makes and checks the signature.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod classes;
mod envelope;
mod format;
mod key;
mod keys;
mod legacy;
mod payload;
#[cfg(feature = "portable")]
mod portable;
mod tokens;
mod verified;

pub use envelope::MAX_TOKEN_BYTES;
pub use format::TokenFormat;
pub use keys::{SigningKey, SigningKeys};
pub use legacy::LegacyTokens;
pub use tokens::Tokens;

/// Tokens with AWS-LC.
#[cfg(feature = "aws-lc")]
pub type AwsLcTokens = Tokens<aws_lc::AwsLcKey>;
/// Tokens with jwt-simple.
#[cfg(feature = "portable")]
pub type PortableTokens = Tokens<portable::PortableKey>;
