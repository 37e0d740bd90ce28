use time::OffsetDateTime;

use crate::account::User;
use crate::authn::Assurance;
use crate::kernel::{ClientInfo, SessionId, TokenDigest, TokenId, UserId};

/// One login on one device: a family of refresh tokens of which exactly one is live.
///
/// Rotation changes this row and adds none, so the table grows with logins and not with use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names the session; the `sid` claim of its tokens.
    pub id: SessionId,
    /// Whose session it is.
    pub user_id: UserId,
    /// How many refresh tokens came before the live one.
    pub generation: i64,
    /// The first generation since the session was last re-keyed. Tokens of an earlier one were revoked on purpose,
    /// so that their use is refused but tells nothing of a theft.
    pub rekeyed_generation: i64,
    /// The `jti` of the live refresh token. With the times below it lets the service sign the very same token again.
    pub refresh_jti: TokenId,
    /// The SHA-256 digest of the live refresh token.
    pub hashed_refresh_token: TokenDigest,
    /// The digest of the one before, for the reuse grace. None after a login or a re-key.
    pub previous_hashed_refresh_token: Option<TokenDigest>,
    /// When the live refresh token was issued.
    pub rotated_at: OffsetDateTime,
    /// When the user logged in.
    pub created_at: OffsetDateTime,
    /// When the user last proved the password; the `auth_time` claim.
    pub authenticated_at: OffsetDateTime,
    /// How the user proved who they are; the `acr` and `amr` claims.
    pub assurance: Assurance,
    /// When the session was last opened or refreshed.
    pub last_used_at: OffsetDateTime,
    /// When the live refresh token expires.
    pub expires_at: OffsetDateTime,
    /// When the session ends however often it is refreshed.
    pub max_expires_at: OffsetDateTime,
    /// Set once the session was ended before its time.
    pub revoked: Option<Revocation>,
    /// Where the login came from.
    pub client: ClientInfo,
    /// Where the login, refresh or re-key at `last_used_at` came from.
    pub last_client: ClientInfo,
    /// The [`User::sessions_epoch`] that the session belongs to. The session has ended when the user's is another one.
    pub epoch: i64,
}

impl Session {
    /// Whether the session still lets its user in. The rule stands here, once for all stores.
    pub fn is_live(&self, user: &User, now: OffsetDateTime) -> bool {
        self.is_unrevoked(user) && now < self.expires_at && now < self.max_expires_at
    }

    /// Whether no one ended the session before its time: neither this one alone, nor all sessions of the user.
    pub fn is_unrevoked(&self, user: &User) -> bool {
        self.user_id == user.id && self.epoch == user.sessions_epoch && self.revoked.is_none()
    }
}

/// When and why a session was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: OffsetDateTime,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a session was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// Its owner logged out.
    Logout,
    /// Its owner ended it from another session.
    RevokedByUser,
    /// A superuser ended it.
    RevokedByAdmin,
    /// The password was changed.
    PasswordChanged,
    /// The account was deactivated.
    Deactivated,
    /// The user is no superuser any more.
    Demoted,
    /// A refresh token was used again after its successor had been issued (RFC 9700 section 4.14.2).
    RefreshTokenReused,
    /// A login exceeded the most sessions that an account may have, and this one was the least recently used.
    SessionLimit,
}

impl RevocationReason {
    const ALL: [Self; 8] = [
        Self::Logout,
        Self::RevokedByUser,
        Self::RevokedByAdmin,
        Self::PasswordChanged,
        Self::Deactivated,
        Self::Demoted,
        Self::RefreshTokenReused,
        Self::SessionLimit,
    ];

    /// The name that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::RevokedByUser => "revoked_by_user",
            Self::RevokedByAdmin => "revoked_by_admin",
            Self::PasswordChanged => "password_changed",
            Self::Deactivated => "deactivated",
            Self::Demoted => "demoted",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SessionLimit => "session_limit",
        }
    }

    /// Reads the name that a store kept.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
