//! Tokens as signed JWTs (RFC 7519, RFC 7515, RFC 9068), RS256 only.
//!
//! Two adapters stand behind the one port, and each verifies what the other signed: [`AwsLcTokens`], which release
//! binaries use, and [`PortableTokens`] in pure Rust. Both go by the one strict [`TokenFormat`].

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod format;
mod keys;
#[cfg(feature = "portable")]
mod portable;

#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLcTokens;
pub use format::{MAX_TOKEN_BYTES, TokenFormat};
pub use keys::{SigningKey, SigningKeys};
#[cfg(feature = "portable")]
pub use portable::PortableTokens;
