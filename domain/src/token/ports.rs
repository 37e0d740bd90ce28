use time::OffsetDateTime;

use super::{AccessClaims, ClientClaims, IssuedToken, RefreshClaims};
use crate::kernel::{PlainToken, TokenDigest};

/// Signs tokens. Signing is pure computation of well under a millisecond, so the port is synchronous.
pub trait TokenIssuer: Send + Sync {
    /// Signs an access token.
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError>;

    /// Signs a service client's own access token.
    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError>;

    /// Signs a refresh token.
    ///
    /// The same claims under the same key MUST give the same token, byte for byte: that is what lets a racing client
    /// get the very token that the winner got without it ever having been stored.
    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError>;
}

/// Turns presented tokens back into claims (RFC 8725).
///
/// A verifier MUST decide by its own configuration alone: it MUST accept only its one algorithm, known keys, its own
/// issuer and audience, the class of token that it was asked for, and times that hold now; it MUST refuse any header
/// field or claim that it does not know.
pub trait TokenVerifier: Send + Sync {
    /// Verifies an access token.
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken>;

    /// Verifies a service client's own access token. One of a user MUST be refused, and the other way round.
    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken>;

    /// Verifies a refresh token.
    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken>;

    /// The digest of a token, whatever it is: the same that the issuer gave with it.
    fn digest(&self, token: &PlainToken) -> TokenDigest;
}

/// Why a token was refused. For the log; the client is told only that it is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Longer than any token of ours could be.
    #[error("too long")]
    TooLong,
    /// Not three parts of base64url with the JSON that ours have.
    #[error("malformed")]
    Malformed,
    /// Another algorithm, type or key, or a header that ours never have.
    #[error("foreign header")]
    Header,
    /// Not signed by one of our keys.
    #[error("bad signature")]
    Signature,
    /// Properly signed, but for somebody or something else.
    #[error("foreign claims")]
    Claims,
    /// Its time has not come.
    #[error("not yet valid")]
    Early,
    /// Its time is over.
    #[error("expired")]
    Expired,
}

/// A token could not be signed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a token could not be signed: {0}")]
pub struct SigningError(pub &'static str);
