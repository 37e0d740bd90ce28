use time::OffsetDateTime;

use crate::kernel::{Email, UserId};

/// The claims of an access token of the legacy service that this service uses. Claims about permissions are ignored:
/// the stored user decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyClaims {
    /// `sub`.
    pub subject: LegacySubject,
    /// `iat`, if the token has it.
    pub issued_at: Option<OffsetDateTime>,
    /// `exp`.
    pub expires_at: OffsetDateTime,
}

/// The user that the token belongs to. Legacy services name users by id or by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacySubject {
    /// By id, which the migration kept.
    Id(UserId),
    /// By the address that the user had when the token was issued.
    Email(Email),
}
