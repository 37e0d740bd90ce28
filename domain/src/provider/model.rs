use time::{Duration, OffsetDateTime};

use crate::authn::Assurance;
use crate::client::{ClientUid, Scope};
use crate::kernel::{SessionId, TokenDigest, UserId, id};

id!(
    /// Identifies the row of an authorization code.
    AuthorizationCodeId
);

/// A stored authorization code (RFC 6749 section 4.1). The application holds 256 random bits; the store keeps their
/// digest. The row stays after the exchange, so that a second presentation is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// Identifies the row.
    pub id: AuthorizationCodeId,
    /// The digest of the code.
    pub digest: TokenDigest,
    /// The client that may exchange it.
    pub client: ClientUid,
    /// The user who granted it.
    pub user_id: UserId,
    /// The session that its exchange starts.
    pub session_id: SessionId,
    /// The session of the browser in which it was granted.
    pub browser: SessionId,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// The `S256` code challenge of the request (RFC 7636).
    pub code_challenge: String,
    /// The `nonce` of the request.
    pub nonce: Option<String>,
    /// The granted scope.
    pub scope: Scope,
    /// The resource server of the request (RFC 8707).
    pub resource: Option<String>,
    /// The claims about the user that the request wants in the ID token.
    pub id_token_claims: Vec<String>,
    /// When the user authenticated.
    pub authenticated_at: OffsetDateTime,
    /// How the user authenticated.
    pub assurance: Assurance,
    /// [`User::credential_version`](crate::account::User::credential_version) when it was granted. Any change of a
    /// password or factor makes it void.
    pub credential_version: i64,
    /// How many wrong presentations it survives.
    pub attempts_left: i16,
    /// When it expires.
    pub expires_at: OffsetDateTime,
    /// When it was exchanged.
    pub spent_at: Option<OffsetDateTime>,
}

impl AuthorizationCode {
    /// How long a code is valid.
    pub const LIFETIME: Duration = Duration::seconds(60);
    /// How many wrong presentations end it.
    pub const ATTEMPTS: i16 = 3;
    /// How long the row stays after its expiry, so that a second presentation revokes what the first one got.
    pub const KEPT: Duration = Duration::hours(1);
}

/// What a user allows an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The user.
    pub user_id: UserId,
    /// The application.
    pub client: ClientUid,
    /// The scope that the user allows.
    pub scope: Scope,
    /// When the user first consented.
    pub created_at: OffsetDateTime,
    /// When the user last consented.
    pub updated_at: OffsetDateTime,
}
