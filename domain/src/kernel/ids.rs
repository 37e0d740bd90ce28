use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use super::{Entropy, EntropyError};

/// Declares the type of an id: a UUID that cannot be taken for another feature's id.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Creates a UUID version 7 (RFC 9562 section 5.7): ordered by time, unguessable in its 74 random bits.
            pub fn generate(
                now: time::OffsetDateTime,
                entropy: &dyn $crate::kernel::Entropy,
            ) -> Result<Self, $crate::kernel::EntropyError> {
                $crate::kernel::uuid_v7(now, entropy).map(Self)
            }

            /// Wraps an existing id.
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            pub const fn as_uuid(self) -> uuid::Uuid {
                self.0
            }

            /// Returns the bytes of the UUID.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

pub(crate) use id;

id!(
    /// Identifies a user permanently: never reused for another user, even after a deletion (OWASP ASVS 5.0, 10.3.3).
    UserId
);
id!(
    /// Identifies a session: the `sid` claim of its tokens.
    SessionId
);

/// Creates a UUID version 7 (RFC 9562 section 5.7).
pub(crate) fn uuid_v7(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Uuid, EntropyError> {
    let mut random = [0; 10];
    entropy.fill(&mut random)?;
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}
