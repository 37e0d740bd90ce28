use time::OffsetDateTime;

use crate::kernel::{AuditEventId, ClientInfo, ServiceClientId, SessionId, UserId};

/// Something that an operator may have to account for. It is written in the unit of work that it tells of, so that
/// there is no event without the change and no change without the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Names the event.
    pub id: AuditEventId,
    /// When it happened.
    pub occurred_at: OffsetDateTime,
    /// What happened.
    pub kind: AuditEventKind,
    /// To whom.
    pub subject: Subject,
    /// In which session, if in one.
    pub session_id: Option<SessionId>,
    /// Who did it: the user, a superuser, or nobody where it was done from the command line.
    pub actor_id: Option<UserId>,
    /// Where the request came from.
    pub client: ClientInfo,
}

/// Whom an audit event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user. The id is kept when the user is deleted.
    User(UserId),
    /// A service client.
    Client(ServiceClientId),
}

impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<ServiceClientId> for Subject {
    fn from(id: ServiceClientId) -> Self {
        Self::Client(id)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What an audit event tells of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AuditEventKind {
            $($(#[$doc])* $variant,)+
        }

        impl AuditEventKind {
            /// The name that a store keeps.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Reads the name that a store kept.
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
    /// A user came to be.
    UserRegistered = "user_registered",
    /// A user came from elsewhere, by an import or from another service's table.
    UserImported = "user_imported",
    /// A session was opened.
    LoggedIn = "logged_in",
    /// A session was ended by its owner.
    LoggedOut = "logged_out",
    /// A used-up refresh token was presented again, and its session was revoked.
    RefreshTokenReused = "refresh_token_reused",
    /// A password was changed by its owner, or set from the command line.
    PasswordChanged = "password_changed",
    /// An address, a tier or a right was changed.
    UserUpdated = "user_updated",
    /// An account was deactivated.
    UserDeactivated = "user_deactivated",
    /// An account was deleted for good.
    UserDeleted = "user_deleted",
    /// A service client was made.
    ServiceClientCreated = "service_client_created",
    /// A service client's access was taken away.
    ServiceClientRevoked = "service_client_revoked",
    /// One or more sessions were ended from elsewhere.
    SessionsRevoked = "sessions_revoked",
}
