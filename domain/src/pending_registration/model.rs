use time::{Duration, OffsetDateTime};

use crate::account::Tier;
use crate::credential::PasswordHash;
use crate::kernel::{ClientInfo, Email, Locale, TokenDigest, id};
use crate::keyring::SecretKeyId;

id!(
    /// Identifies a pending registration to the client that registered. It proves who registered, the code in the letter
    /// proves the mailbox.
    VerificationId
);

/// A registration whose mailbox is not proven. There is no user yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRegistration {
    /// Identifies the registration.
    pub id: VerificationId,
    /// The address. Several registrations can have it, and so can a user.
    pub email: Email,
    /// The hash of the password that the client chose.
    pub password: PasswordHash,
    /// The tier.
    pub tier: Tier,
    /// The language of letters.
    pub locale: Option<Locale>,
    /// The digest of the token in the link.
    pub hashed_token: TokenDigest,
    /// The secret key that derives the link and the codes.
    pub key_id: SecretKeyId,
    /// How many codes were created before the current one.
    pub code_round: i64,
    /// How many attempts at the current code are left.
    pub attempts_left: i16,
    /// When the current code expires.
    pub code_expires_at: OffsetDateTime,
    /// The client that registered.
    pub client: ClientInfo,
    /// When the client registered.
    pub created_at: OffsetDateTime,
    /// When the registration expires, and with it the link.
    pub expires_at: OffsetDateTime,
}

impl PendingRegistration {
    /// How long a registration and its link are valid.
    pub const LIFETIME: Duration = Duration::hours(24);
    /// How long a code is valid.
    pub const CODE_LIFETIME: Duration = Duration::minutes(10);
    /// How many attempts a code allows.
    pub const ATTEMPTS: i16 = 5;
    /// How many registrations one address can have. A further one replaces the oldest.
    pub const PER_ADDRESS: u16 = 3;
}
