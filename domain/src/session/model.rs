use time::OffsetDateTime;

use crate::account::User;
use crate::authn::Assurance;
use crate::client::{ClientUid, Scope};
use crate::kernel::{ClientInfo, SessionId, TokenDigest, TokenId, UserId};

/// One login on one device, or one authorization of an application: a family of refresh tokens of which exactly one is
/// live. The session of a browser has a cookie instead.
///
/// Rotation updates this row and adds none, so the table grows with logins and not with use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Identifies the session: the `sid` claim of its tokens.
    pub id: SessionId,
    /// The owner of the session.
    pub user_id: UserId,
    /// What holds the session.
    pub kind: SessionKind,
    /// The generation of the live refresh token. Each rotation increments it; a re-key advances it further.
    pub generation: i64,
    /// The first generation since the last re-key. Tokens of earlier generations were revoked on purpose, so their use
    /// is refused but does not indicate a theft.
    pub rekeyed_generation: i64,
    /// The `jti` of the live refresh token. With it and the times below, the service can sign the very same token
    /// again.
    pub refresh_jti: TokenId,
    /// The SHA-256 digest of the live refresh token.
    pub hashed_refresh_token: TokenDigest,
    /// The digest of the previous refresh token, for the reuse grace period. `None` after a login or a re-key.
    pub previous_hashed_refresh_token: Option<TokenDigest>,
    /// When the live refresh token was issued.
    pub rotated_at: OffsetDateTime,
    /// When the user logged in.
    pub created_at: OffsetDateTime,
    /// When the user last authenticated; the `auth_time` claim.
    pub authenticated_at: OffsetDateTime,
    /// How the user authenticated; the `acr` and `amr` claims.
    pub assurance: Assurance,
    /// Whether the session started for a user who needed a second factor and had none: it may only enrol one.
    pub is_for_enrolment: bool,
    /// When the session was started, or last refreshed or re-keyed.
    pub last_used_at: OffsetDateTime,
    /// When the live refresh token expires.
    pub expires_at: OffsetDateTime,
    /// When the session ends, no matter how often it is refreshed.
    pub max_expires_at: OffsetDateTime,
    /// When and why the session was revoked, if it was.
    pub revoked: Option<Revocation>,
    /// Where the login came from.
    pub client: ClientInfo,
    /// Where the login, refresh or re-key at `last_used_at` came from.
    pub last_client: ClientInfo,
    /// The [`User::sessions_epoch`] that the session belongs to. The session has ended if the user's epoch differs.
    pub epoch: i64,
}

impl Session {
    /// Whether the session still authenticates its user. All stores share this rule.
    pub fn is_live(&self, user: &User, now: OffsetDateTime) -> bool {
        self.is_unrevoked(user) && now < self.expires_at && now < self.max_expires_at
    }

    /// What the user granted to the application that holds the session, if one does.
    pub fn grant(&self) -> Option<&ClientGrant> {
        match &self.kind {
            SessionKind::Application(grant) => Some(grant),
            SessionKind::Api | SessionKind::Browser => None,
        }
    }

    /// Whether the session was not revoked, neither alone nor with all sessions of the user.
    pub fn is_unrevoked(&self, user: &User) -> bool {
        self.user_id == user.id && self.epoch == user.sessions_epoch && self.revoked.is_none()
    }
}

/// What holds a session, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A client of this service's own API: its tokens authorise everything that the user may do.
    Api,
    /// A browser on the pages of this service. Its cookie takes the place of the refresh token; it has no access tokens.
    Browser,
    /// An application, whose tokens authorise what the user granted to it, and nothing in this service's own API.
    Application(Box<ClientGrant>),
}

impl SessionKind {
    /// The kind of a session that starts with a login.
    pub(crate) fn of_login(in_browser: bool) -> Self {
        if in_browser { Self::Browser } else { Self::Api }
    }
}

/// What a user granted to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientGrant {
    /// The application.
    pub client: ClientUid,
    /// The scope of its tokens.
    pub scope: Scope,
    /// The resource server of its access tokens (RFC 8707); `None` for the usual audience.
    pub resource: Option<String>,
    /// The session of the browser in which the user granted it.
    pub browser: SessionId,
}

impl ClientGrant {
    /// Whether the session outlives the browser session (OpenID Connect Core section 11).
    pub fn is_offline(&self) -> bool {
        self.scope.contains(Scope::OFFLINE_ACCESS)
    }
}

/// When and why a session was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: OffsetDateTime,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a session was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// Its owner logged out.
    Logout,
    /// Its owner revoked it.
    RevokedByUser,
    /// A superuser revoked it.
    RevokedByAdmin,
    /// The password was changed.
    PasswordChanged,
    /// The address was changed, or its former owner restored it.
    EmailChanged,
    /// The second factors were removed by a superuser or after the announced delay, or the first one was enrolled by a
    /// user who must have one.
    FactorsChanged,
    /// The account was deactivated.
    Deactivated,
    /// The user is no longer a superuser.
    Demoted,
    /// A refresh token was used again after its successor was issued (RFC 9700 section 4.14.2).
    RefreshTokenReused,
    /// A login exceeded the session limit of the account, and this session was the least recently used.
    SessionLimit,
    /// The user withdrew the consent to the application.
    ConsentRevoked,
    /// The authorization code from which the session started was presented again (RFC 6749 section 4.1.2).
    CodeReused,
}

impl RevocationReason {
    const ALL: [Self; 12] = [
        Self::Logout,
        Self::RevokedByUser,
        Self::RevokedByAdmin,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::FactorsChanged,
        Self::Deactivated,
        Self::Demoted,
        Self::RefreshTokenReused,
        Self::SessionLimit,
        Self::ConsentRevoked,
        Self::CodeReused,
    ];

    /// The name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::RevokedByUser => "revoked_by_user",
            Self::RevokedByAdmin => "revoked_by_admin",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::FactorsChanged => "factors_changed",
            Self::Deactivated => "deactivated",
            Self::Demoted => "demoted",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SessionLimit => "session_limit",
            Self::ConsentRevoked => "consent_revoked",
            Self::CodeReused => "code_reused",
        }
    }

    /// Parses the name in the store.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
