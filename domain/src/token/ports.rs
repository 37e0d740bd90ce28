use time::OffsetDateTime;

use super::{AccessClaims, ClientClaims, IdClaims, IdHint, IssuedToken, LogoutClaims, RefreshClaims};
use crate::kernel::{PlainToken, TokenDigest};

/// Signs tokens. Signing is pure computation of well under a millisecond, so the port is synchronous.
pub trait TokenIssuer: Send + Sync {
    /// Signs an access token.
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError>;

    /// Signs the access token that a client gets on its own behalf.
    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError>;

    /// Signs an ID token, with the `at_hash` of this access token (OpenID Connect Core section 3.1.3.6). Its header MUST
    /// have the `typ` `JWT`, and no verifier may accept it as a token of another class.
    fn issue_id(&self, claims: &IdClaims, access_token: &PlainToken) -> Result<PlainToken, SigningError>;

    /// Signs a logout token. Its header MUST have the `typ` `logout+jwt`; it MUST NOT have a `nonce`.
    fn issue_logout(&self, claims: &LogoutClaims) -> Result<PlainToken, SigningError>;

    /// Signs a refresh token.
    ///
    /// The same claims under the same key MUST give the same token, byte for byte. So a client that lost a race gets
    /// the very token that the winner got, although no store ever had it.
    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError>;
}

/// Verifies tokens and returns their claims (RFC 8725).
///
/// A verifier MUST decide by its own configuration alone: it MUST accept only its one algorithm, known keys, its own
/// issuer and audience, the requested class of token, and times that are valid now; it MUST refuse any unknown header
/// field or claim.
pub trait TokenVerifier: Send + Sync {
    /// Verifies an access token.
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken>;

    /// Verifies the access token that a client got on its own behalf. It MUST refuse a user's token, and
    /// [`verify_access`](Self::verify_access) MUST refuse a client's.
    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken>;

    /// Verifies a refresh token.
    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken>;

    /// Verifies an ID token that an application shows to name its user (`id_token_hint`). It MUST accept an expired one,
    /// and nothing but an ID token of this service under a key that is not revoked.
    fn verify_id_hint(&self, token: &str, now: OffsetDateTime) -> Result<IdHint, InvalidToken>;

    /// Returns the digest of a token of any class: the same that the issuer returned with the token.
    fn digest(&self, token: &PlainToken) -> TokenDigest;
}

/// Why a token was refused. For the log; the client only learns that the token is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Longer than any token of this service.
    #[error("too long")]
    TooLong,
    /// Not three base64url parts with the expected JSON.
    #[error("malformed")]
    Malformed,
    /// Unexpected algorithm, type or key, or an unknown header field.
    #[error("foreign header")]
    Header,
    /// Not signed by a key of this service.
    #[error("bad signature")]
    Signature,
    /// Correctly signed, but for another issuer, audience or purpose.
    #[error("foreign claims")]
    Claims,
    /// Not yet valid.
    #[error("not yet valid")]
    Early,
    /// Expired.
    #[error("expired")]
    Expired,
}

/// A token could not be signed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a token could not be signed: {0}")]
pub struct SigningError(pub &'static str);
