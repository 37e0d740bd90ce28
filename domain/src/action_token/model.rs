use time::{Duration, OffsetDateTime};

use crate::kernel::{ClientInfo, Email, SessionId, TokenDigest, UserId, id};
use crate::keyring::SecretKeyId;

id!(
    /// Identifies an action token. The id is not secret.
    ActionTokenId
);

/// A stored action token. The token itself is not stored: [`Keyring`](crate::keyring::Keyring) derives it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionToken {
    /// Identifies the token.
    pub id: ActionTokenId,
    /// The user whose account it changes.
    pub user_id: UserId,
    /// The action that it permits.
    pub purpose: Purpose,
    /// The address that the action is about: the account's address; of a change the new one; of an undo the former one.
    pub email: Email,
    /// The digest of the token.
    pub hashed_token: TokenDigest,
    /// The secret key that derives the token.
    pub key_id: SecretKeyId,
    /// [`User::credential_version`](crate::account::User::credential_version) when the token was created.
    pub credential_version: i64,
    /// The session that requested the action, if there is one.
    pub session_id: Option<SessionId>,
    /// The client that requested the action.
    pub client: ClientInfo,
    /// How many wrong codes of second factors were presented with it.
    pub wrong_codes: i16,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

impl ActionToken {
    /// How many wrong codes of second factors void a token.
    pub const WRONG_CODES: i16 = 20;
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal for $lifetime:expr;)+) => {
        /// The action that a token permits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Purpose {
            $($(#[$doc])* $variant,)+
        }

        impl Purpose {
            /// All purposes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the store.
            pub const fn as_str(self) -> &'static str {
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

            /// How long a token is valid.
            pub const fn lifetime(self) -> Duration {
                match self {
                    $(Self::$variant => $lifetime,)+
                }
            }
        }
    };
}

purposes! {
    /// Verifies the address of an account.
    VerifyEmail = "verify_email" for Duration::hours(24);
    /// Sets a new password.
    ResetPassword = "reset_password" for Duration::minutes(30);
    /// Confirms a new address.
    ChangeEmail = "change_email" for Duration::hours(24);
    /// Restores the former address. A change of a password or an address does not void it.
    UndoEmail = "undo_email" for Duration::hours(72);
    /// Accepts an invitation: sets the first password.
    AcceptInvitation = "accept_invitation" for Duration::days(7);
    /// Cancels the removal of lost factors. When it expires, they are removed; the delay is configured.
    KeepFactors = "keep_factors" for Duration::hours(72);
}
