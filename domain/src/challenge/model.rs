use time::{Duration, OffsetDateTime};

use crate::account::User;
use crate::factor::UserHandle;
use crate::kernel::{SessionId, TokenDigest, UserId, id};

id!(
    /// Identifies the row of a challenge.
    ChallengeId
);

/// A question that one client may answer once: the second step of a login, or a ceremony of a passkey. The client holds
/// 256 random bits; the store keeps their digest. Ceremonies use the same bits as the WebAuthn challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Identifies the row.
    pub id: ChallengeId,
    /// The digest of the challenge.
    pub digest: TokenDigest,
    /// What it is for.
    pub purpose: ChallengePurpose,
    /// The user, unless the answer names the user.
    pub user_id: Option<UserId>,
    /// The session that asked, of a ceremony within one.
    pub session_id: Option<SessionId>,
    /// [`User::credential_version`](crate::account::User::credential_version) when it was made. Any change of a
    /// password or factor makes it void.
    pub credential_version: i64,
    /// The user handle that a new passkey gets.
    pub user_handle: Option<UserHandle>,
    /// How many answers may still be tried.
    pub attempts_left: i16,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

impl Challenge {
    /// How long a challenge is valid.
    pub const LIFETIME: Duration = Duration::minutes(5);
    /// How many answers may be tried.
    pub const ATTEMPTS: i16 = 5;

    /// Whether it was made for this user and session, and no password or factor of the user was changed since.
    pub fn is_for(&self, user: &User, session: Option<SessionId>) -> bool {
        self.user_id == Some(user.id)
            && self.session_id == session
            && self.credential_version == user.credential_version
    }
}

/// What a challenge is for. An answer for one purpose is never accepted for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChallengePurpose {
    /// The second step of a login.
    Login,
    /// A login with a passkey alone.
    PasskeyLogin,
    /// The enrolment of a passkey.
    EnrolPasskey,
    /// The step-up of a session with a passkey.
    StepUp,
    /// The reset of a password with a passkey.
    PasswordReset,
}

impl ChallengePurpose {
    /// All purposes.
    pub const ALL: [Self; 5] =
        [Self::Login, Self::PasskeyLogin, Self::EnrolPasskey, Self::StepUp, Self::PasswordReset];

    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::PasskeyLogin => "passkey_login",
            Self::EnrolPasskey => "enrol_passkey",
            Self::StepUp => "step_up",
            Self::PasswordReset => "password_reset",
        }
    }

    /// Parses the name in the store.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}
