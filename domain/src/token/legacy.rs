use time::OffsetDateTime;

use crate::kernel::{Email, UserId};

/// What an access token of the service before this one says, as far as it counts here. Of rights it says nothing: they are
/// those of the user as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyClaims {
    /// `sub`.
    pub subject: LegacySubject,
    /// `iat`, if the token says when it was issued.
    pub issued_at: Option<OffsetDateTime>,
    /// `exp`.
    pub expires_at: OffsetDateTime,
}

/// Whose token it is. Services of that kind name their users by the one or by the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacySubject {
    /// By the id, which stayed as it was.
    Id(UserId),
    /// By the address that the user had when the token was issued.
    Email(Email),
}
