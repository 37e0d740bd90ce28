use crate::account::Tier;
use crate::authn::Assurance;
use crate::client::{ClientId, Scope};
use crate::kernel::{PlainToken, SessionId, TokenDigest, TokenId, UserId};
use time::OffsetDateTime;

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
    /// The application that holds the token; `None` for a client of this service's own API. The token of an application
    /// has `email` and `email_verified` only if its scope has [`Scope::EMAIL`], and never `is_superuser`.
    pub application: Option<ApplicationClaims>,
}

/// The claims about the application that holds an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationClaims {
    /// `client_id`.
    pub client_id: ClientId,
    /// `scope` (RFC 8693 section 4.2).
    pub scope: Scope,
    /// `aud`, if it is a resource server that the application chose (RFC 8707).
    pub resource: Option<String>,
}

/// The claims of an access token that a client gets on its own behalf. They name no user and no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientClaims {
    /// `jti`.
    pub id: TokenId,
    /// `sub` and `client_id` (RFC 9068 section 2.2).
    pub client_id: ClientId,
    /// `scope`; empty for none.
    pub scope: Scope,
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
    /// `client_id`: the application that holds the token; `None` for a client of this service's own API.
    pub client_id: Option<ClientId>,
    /// `iat`, in whole seconds.
    pub issued_at: OffsetDateTime,
    /// `exp`, in whole seconds.
    pub expires_at: OffsetDateTime,
}

/// The claims of an ID token (OpenID Connect Core section 2). The issuer adds `iss` and `at_hash`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    /// `sub`.
    pub user_id: UserId,
    /// `aud`.
    pub client_id: ClientId,
    /// `sid`.
    pub session_id: SessionId,
    /// `iat`, in whole seconds.
    pub issued_at: OffsetDateTime,
    /// `exp`, in whole seconds.
    pub expires_at: OffsetDateTime,
    /// `auth_time`.
    pub authenticated_at: OffsetDateTime,
    /// `acr` and `amr`.
    pub assurance: Assurance,
    /// `nonce`, of the first token of an authorization.
    pub nonce: Option<String>,
    /// The claims about the user that the application may read.
    pub profile: Vec<(&'static str, ClaimValue)>,
}

/// The value of a claim about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// A text.
    Text(String),
    /// A truth value.
    Flag(bool),
    /// A time, in seconds since 1970.
    Seconds(i64),
}

/// What the holder of an ID token shows with it: the application, the user and the session. It may have expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdHint {
    /// `aud`.
    pub client_id: ClientId,
    /// `sub`.
    pub user_id: UserId,
    /// `sid`.
    pub session_id: SessionId,
}

/// The claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4). The issuer adds `iss` and
/// `events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutClaims {
    /// `jti`.
    pub id: TokenId,
    /// `aud`.
    pub client_id: ClientId,
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
