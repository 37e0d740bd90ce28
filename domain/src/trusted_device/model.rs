use time::OffsetDateTime;

use crate::account::User;
use crate::kernel::{TokenDigest, UserId, id};

id!(
    /// Identifies the row of a trusted device.
    TrustedDeviceId
);

/// A device on which a user has shown a second factor, and which may leave it out for a while. The client holds 256
/// random bits; the store keeps their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedDevice {
    /// Identifies the row.
    pub id: TrustedDeviceId,
    /// The user.
    pub user_id: UserId,
    /// The digest of the token.
    pub digest: TokenDigest,
    /// [`User::credential_version`] when it was trusted. Any change of a password or factor ends the trust.
    pub credential_version: i64,
    /// When it was trusted.
    pub created_at: OffsetDateTime,
    /// When the trust ends.
    pub expires_at: OffsetDateTime,
}

impl TrustedDevice {
    /// Whether the device may leave out the second factor of this user.
    pub fn is_trusted(&self, user: &User, now: OffsetDateTime) -> bool {
        self.user_id == user.id && self.credential_version == user.credential_version && now < self.expires_at
    }
}
