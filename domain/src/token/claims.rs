use crate::account::Tier;
use crate::authn::Assurance;
use crate::kernel::{PlainToken, ServiceClientId, SessionId, TokenDigest, TokenId, UserId};
use time::OffsetDateTime;

/// The `client_id` of the tokens of a login at this service itself (RFC 9068 section 2.2). Tokens of a service client have
/// the id of that client.
pub const FIRST_PARTY_CLIENT: &str = "inwren";

/// What an access token says. Issuer, audience and key are the issuer's matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// `jti`.
    pub id: TokenId,
    /// `sub`.
    pub user_id: UserId,
    /// `sid`.
    pub session_id: SessionId,
    /// `iat`, in whole seconds.
    pub issued_at: OffsetDateTime,
    /// `exp`, in whole seconds.
    pub expires_at: OffsetDateTime,
    /// `auth_time` (OpenID Connect Core section 2): when the user last proved the password.
    pub authenticated_at: OffsetDateTime,
    /// `acr` and `amr` (OpenID Connect Core section 2): how the user proved who they are.
    pub assurance: Assurance,
    /// `email`, as its owner wrote it.
    pub email: String,
    /// `tier`.
    pub tier: Tier,
    /// `is_superuser`.
    pub is_superuser: bool,
}

/// What a service client's own access token says. It says nothing of any user, and there is no session to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientClaims {
    /// `jti`.
    pub id: TokenId,
    /// `sub` and `client_id` (RFC 9068 section 2.2).
    pub client_id: ServiceClientId,
    /// `iat`, in whole seconds.
    pub issued_at: OffsetDateTime,
    /// `exp`, in whole seconds.
    pub expires_at: OffsetDateTime,
}

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// `jti`, with the generation in it.
    pub id: TokenId,
    /// `sub`.
    pub user_id: UserId,
    /// `sid`.
    pub session_id: SessionId,
    /// `iat`, in whole seconds.
    pub issued_at: OffsetDateTime,
    /// `exp`, in whole seconds.
    pub expires_at: OffsetDateTime,
}

/// A token that was just signed, with the digest to store.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// For its holder.
    pub token: PlainToken,
    /// For the store.
    pub digest: TokenDigest,
}

/// What a successful login or refresh gives.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// Presented to services.
    pub access_token: PlainToken,
    /// Exchanged for the next pair.
    pub refresh_token: PlainToken,
    /// How long the access token is good for.
    pub expires_in: time::Duration,
}
