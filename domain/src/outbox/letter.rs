use time::{Duration, OffsetDateTime};

use crate::action_token::{ActionTokenId, Purpose};
use crate::client::ClientUid;
use crate::kernel::{ClientInfo, Email, Locale, SessionId, UserId, id};
use crate::pending_registration::VerificationId;

id!(
    /// Identifies a letter. The `Message-ID` contains it, so that receivers recognise a letter that is sent twice.
    LetterId
);

id!(
    /// Identifies one claim of a letter by a worker.
    ClaimId
);

/// A letter in the outbox, or a logout token for an application. It contains no secret: the worker derives links, codes
/// and tokens from what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Identifies the letter.
    pub id: LetterId,
    /// What it is about.
    pub kind: LetterKind,
    /// The address that it goes to. A logout token goes to the application; this is the address of its user.
    pub recipient: Email,
    /// The user that it is about. `None` if the worker finds the user by the address.
    pub user_id: Option<UserId>,
    /// The action token whose link it contains.
    pub action_token_id: Option<ActionTokenId>,
    /// The pending registration whose link and code it contains.
    pub verification_id: Option<VerificationId>,
    /// The new address, of a letter about a change of address.
    pub new_email: Option<String>,
    /// The application that gets a logout token, and its session that ended.
    pub logout: Option<(ClientUid, SessionId)>,
    /// The language, if it is known.
    pub locale: Option<Locale>,
    /// The client whose request caused the letter.
    pub client: ClientInfo,
    /// The state of its delivery.
    pub state: LetterState,
    /// How often workers tried to send it.
    pub attempts: i16,
    /// When a worker may claim it: of a pending letter the next attempt, of a claimed one the end of the claim.
    pub next_attempt_at: OffsetDateTime,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was caused.
    pub created_at: OffsetDateTime,
    /// After this time it is not sent.
    pub expires_at: OffsetDateTime,
    /// The claim of the worker that sends it. `None` unless the state is [`LetterState::Sending`].
    pub claim: Option<ClaimId>,
}

impl Letter {
    /// How long workers try to send a letter.
    pub const LIFETIME: Duration = Duration::hours(24);
    /// How many letters a worker claims at once.
    pub const CLAIMED_AT_ONCE: u16 = 20;
    /// How long a claim lasts.
    pub const LEASE: Duration = Duration::seconds(60);
    /// At most one notice of a kind goes to a user within this time.
    pub const NOTICE_INTERVAL: Duration = Duration::hours(1);
    /// The longest error that is stored, in bytes.
    pub const MAX_ERROR_BYTES: usize = 300;

    /// How long workers try to deliver a logout token: eight attempts.
    pub const LOGOUT_LIFETIME: Duration = Duration::hours(32);

    /// How long after the given number of failed attempts the next one follows.
    pub const fn delay_after(kind: LetterKind, attempts: i16) -> Duration {
        if matches!(kind, LetterKind::BackchannelLogout) {
            return match attempts {
                ..=1 => Duration::seconds(1),
                2 => Duration::seconds(10),
                3 => Duration::minutes(1),
                4 => Duration::minutes(10),
                5 => Duration::hours(1),
                6 => Duration::hours(6),
                _ => Duration::hours(24),
            };
        }
        match attempts {
            ..=1 => Duration::seconds(30),
            2 => Duration::minutes(2),
            3 => Duration::minutes(10),
            4 => Duration::minutes(30),
            _ => Duration::hours(1),
        }
    }
}

impl LetterState {
    /// Whether an attempt follows or is under way.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Pending | Self::Sending)
    }
}

macro_rules! names {
    ($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$doc])* $variant,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the store and in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Parses the name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

names! {
    /// What a letter is about.
    LetterKind {
        /// Verifies an address: of a pending registration with a code and a link, of a user with a link.
        EmailVerification = "email_verification",
        /// Says that an account with the address exists, after a registration with it.
        AlreadyRegistered = "already_registered",
        /// A link that sets a new password.
        PasswordReset = "password_reset",
        /// To the new address: a link that confirms it.
        EmailChange = "email_change",
        /// To the former address: a link that restores it.
        EmailUndo = "email_undo",
        /// A link that accepts an invitation.
        Invitation = "invitation",
        /// Notice: the invitation was accepted.
        InvitationAccepted = "invitation_accepted",
        /// Notice: the password was changed.
        PasswordChanged = "password_changed",
        /// Notice: a login from a new device or network.
        NewDevice = "new_device",
        /// Notice: a used refresh token was presented again, and its session has ended.
        RefreshTokenReused = "refresh_token_reused",
        /// Notice: a second factor was enrolled.
        FactorEnrolled = "factor_enrolled",
        /// Notice: a second factor was removed.
        FactorRemoved = "factor_removed",
        /// Notice: the recovery codes were replaced.
        RecoveryCodesReplaced = "recovery_codes_replaced",
        /// Notice: a recovery code was used.
        RecoveryCodeUsed = "recovery_code_used",
        /// Notice: a recovery code was used, and three or fewer are left.
        RecoveryCodesLow = "recovery_codes_low",
        /// Notice: a method was closed for a day after too many wrong codes.
        FactorClosed = "factor_closed",
        /// Notice: a superuser removed the second factors.
        FactorsReset = "factors_reset",
        /// A link that keeps the second factors, whose removal was requested.
        FactorRemovalRequested = "factor_removal_requested",
        /// Notice: the second factors were removed after the announced delay.
        FactorsRemoved = "factors_removed",
        /// To an application: a token that says that a session of its user has ended (OpenID Connect Back-Channel Logout
        /// 1.0).
        BackchannelLogout = "backchannel_logout",
    }
}

names! {
    /// The state of a delivery.
    LetterState {
        /// Waits for its next attempt.
        Pending = "pending",
        /// A worker has claimed it.
        Sending = "sending",
        /// The mail server accepted it.
        Delivered = "delivered",
        /// No further attempt follows.
        Dead = "dead",
    }
}

/// What a worker delivers. Each kind has a worker of its own, so that applications that do not answer delay no letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Letters, by mail.
    Letters,
    /// Logout tokens, by HTTP.
    LogoutTokens,
}

impl Delivery {
    /// Whether it includes this kind.
    pub fn includes(self, kind: LetterKind) -> bool {
        kind.is_letter() == (self == Self::Letters)
    }
}

impl LetterKind {
    /// Whether it goes to a person. The only other kind goes to an application.
    pub const fn is_letter(self) -> bool {
        !matches!(self, Self::BackchannelLogout)
    }

    /// The action of the letter's link. `None` for a notice.
    pub const fn purpose(self) -> Option<Purpose> {
        match self {
            Self::EmailVerification => Some(Purpose::VerifyEmail),
            Self::PasswordReset => Some(Purpose::ResetPassword),
            Self::EmailChange => Some(Purpose::ChangeEmail),
            Self::EmailUndo => Some(Purpose::UndoEmail),
            Self::Invitation => Some(Purpose::AcceptInvitation),
            Self::FactorRemovalRequested => Some(Purpose::KeepFactors),
            Self::AlreadyRegistered
            | Self::InvitationAccepted
            | Self::PasswordChanged
            | Self::NewDevice
            | Self::RefreshTokenReused
            | Self::FactorEnrolled
            | Self::FactorRemoved
            | Self::RecoveryCodesReplaced
            | Self::RecoveryCodeUsed
            | Self::RecoveryCodesLow
            | Self::FactorClosed
            | Self::FactorsReset
            | Self::FactorsRemoved
            | Self::BackchannelLogout => None,
        }
    }
}

/// Of which sessions applications get a logout token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutsOf {
    /// This one, revoked or not.
    Session(SessionId),
    /// The unrevoked ones that began in this browser session.
    Browser(SessionId),
    /// The unrevoked ones of this application.
    Client(ClientUid),
    /// All unrevoked ones, except this one.
    User {
        /// The session that stays.
        except: Option<SessionId>,
    },
}
