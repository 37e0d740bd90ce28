use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::client::ClientUid;
use crate::kernel::{ClientInfo, SessionId, UserId, id};

id!(
    /// Identifies an audit event.
    AuditEventId
);

/// An event that operators may have to account for. It is written in the same unit of work as the change, so that there
/// is no event without the change and no change without the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Identifies the event.
    pub id: AuditEventId,
    /// When it happened.
    pub occurred_at: OffsetDateTime,
    /// What happened.
    pub kind: AuditEventKind,
    /// The user or client that the event is about.
    pub subject: Subject,
    /// The session that the event is about, if any.
    pub session_id: Option<SessionId>,
    /// The user or superuser who acted, or [`OPERATOR`]. `None` for detected token reuse.
    pub actor_id: Option<UserId>,
    /// Where the request came from.
    pub client: ClientInfo,
    /// The reason that a superuser gave.
    pub reason: Option<String>,
}

/// The actor of everything that the operator of the machine does from the command line. It is the nil UUID (RFC 9562,
/// section 5.9), which no user has.
pub const OPERATOR: UserId = UserId::from_uuid(Uuid::nil());

/// The subject of an audit event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user. The id stays when the user is deleted.
    User(UserId),
    /// A client. The id stays when the client is deleted.
    Client(ClientUid),
}

/// `user:` or `client:` with the id.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
        }
    }
}

impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<ClientUid> for Subject {
    fn from(id: ClientUid) -> Self {
        Self::Client(id)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// The kind of an audit event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AuditEventKind {
            $($(#[$doc])* $variant,)+
        }

        impl AuditEventKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the store.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Parses the name in the store.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A user registered, or an operator created one.
    UserRegistered = "user_registered",
    /// A user was imported, from a file or from another service's table.
    UserImported = "user_imported",
    /// A user logged in and a session started.
    LoggedIn = "logged_in",
    /// A user logged out, or a client revoked the session with its token.
    LoggedOut = "logged_out",
    /// A client presented a used refresh token again, and its session was revoked.
    RefreshTokenReused = "refresh_token_reused",
    /// A user changed a password, or an operator set it from the command line or by an import.
    PasswordChanged = "password_changed",
    /// An address, a tier or a right was changed.
    UserUpdated = "user_updated",
    /// An account was deactivated.
    UserDeactivated = "user_deactivated",
    /// An account was permanently deleted.
    UserDeleted = "user_deleted",
    /// A service client was created.
    ServiceClientCreated = "service_client_created",
    /// A service client was revoked.
    ServiceClientRevoked = "service_client_revoked",
    /// A user or a superuser revoked one or more sessions.
    SessionsRevoked = "sessions_revoked",
    /// A user proved to control the mailbox of an address.
    EmailVerified = "email_verified",
    /// A user requested a change of address, which the new address has to confirm.
    EmailChangeRequested = "email_change_requested",
    /// An address was changed: at once, or by the confirmation of the new address.
    EmailChanged = "email_changed",
    /// The former address was restored, and the password was voided.
    EmailRestored = "email_restored",
    /// A superuser or an operator created a link that sets a new password.
    PasswordResetIssued = "password_reset_issued",
    /// A password was set by a link.
    PasswordReset = "password_reset",
    /// A superuser invited a user.
    UserInvited = "user_invited",
    /// An invitation was accepted.
    InvitationAccepted = "invitation_accepted",
    /// A user enrolled a second factor.
    FactorEnrolled = "factor_enrolled",
    /// A user removed a second factor.
    FactorRemoved = "factor_removed",
    /// A user replaced the recovery codes.
    RecoveryCodesReplaced = "recovery_codes_replaced",
    /// A user used a recovery code.
    RecoveryCodeUsed = "recovery_code_used",
    /// A user presented too many wrong codes, and the method was closed for a day.
    FactorClosed = "factor_closed",
    /// The signature counter of a passkey did not rise: it may have been copied.
    PasskeyCounterRegressed = "passkey_counter_regressed",
    /// A user proved a session again.
    SteppedUp = "stepped_up",
    /// A superuser removed all second factors of a user.
    FactorsReset = "factors_reset",
    /// A user without a second factor at hand requested its removal.
    FactorRemovalRequested = "factor_removal_requested",
    /// The removal of the second factors was cancelled.
    FactorRemovalCancelled = "factor_removal_cancelled",
    /// The second factors were removed after the announced delay.
    FactorsRemoved = "factors_removed",
    /// An application was created.
    ClientCreated = "client_created",
    /// The settings of a client were changed.
    ClientUpdated = "client_updated",
    /// A client was deleted.
    ClientDeleted = "client_deleted",
    /// A client got a further secret.
    ClientSecretCreated = "client_secret_created",
    /// A secret of a client was deleted.
    ClientSecretDeleted = "client_secret_deleted",
    /// A user logged in to an application, whose session started.
    ApplicationLoggedIn = "application_logged_in",
    /// A user consented to what an application requested.
    ConsentGranted = "consent_granted",
    /// A user withdrew the consent to an application.
    ConsentRevoked = "consent_revoked",
    /// An authorization code was presented again, and its session was revoked.
    CodeReused = "code_reused",
    /// An application did not accept the announcement of an ended session, and no attempt follows.
    LogoutNotDelivered = "logout_not_delivered",
}
