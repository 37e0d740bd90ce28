use crate::account::Tier;
use crate::authn::Assurance;
use crate::client::ServiceClientId;
use crate::kernel::{PlainToken, SessionId, TokenDigest, TokenId, UserId};
use time::OffsetDateTime;

/// The `client_id` of tokens from a login at this service (RFC 9068 section 2.2). Tokens of a service client contain
/// the id of that client.
pub const FIRST_PARTY_CLIENT: &str = "inwren";

/// The claims of an access token. The issuer adds issuer, audience and key.
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
    /// `auth_time` (OpenID Connect Core section 2): when the user last authenticated.
    pub authenticated_at: OffsetDateTime,
    /// `acr` and `amr` (OpenID Connect Core section 2): how the user authenticated.
    pub assurance: Assurance,
    /// Whether the token may only enrol a second factor: then its only `aud` is the issuer, so that no other service
    /// accepts it.
    pub is_for_enrolment: bool,
    /// `email`, as its owner wrote it.
    pub email: String,
    /// `email_verified` (OpenID Connect Core section 5.1): whether the user proved to control the mailbox.
    pub email_verified: bool,
    /// `tier`.
    pub tier: Tier,
    /// `is_superuser`.
    pub is_superuser: bool,
}

/// The claims of a service client's access token. They name no user and no session.
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

/// The claims of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// `jti`, which contains the generation.
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

/// A newly signed token, with the digest to store.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// For its holder.
    pub token: PlainToken,
    /// For the store.
    pub digest: TokenDigest,
}

/// The tokens that a successful login or refresh returns.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// The client presents it to services.
    pub access_token: PlainToken,
    /// The client exchanges it for the next pair.
    pub refresh_token: PlainToken,
    /// Lifetime of the access token.
    pub expires_in: time::Duration,
}
