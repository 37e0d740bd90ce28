use std::fmt;

use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use super::{Entropy, EntropyError};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a UUID version 7 (RFC 9562 section 5.7): ordered by time, unguessable in its 74 random bits.
            pub fn generate(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                uuid_v7(now, entropy).map(Self)
            }

            /// Wraps an existing id.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// Identifies a user permanently: never reused for another user, even after a deletion (OWASP ASVS 5.0, 10.3.3).
    UserId
);
id!(
    /// Identifies a session: the `sid` claim of its tokens.
    SessionId
);
id!(
    /// Identifies a service client: its `client_id`.
    ServiceClientId
);
id!(
    /// Identifies an audit event.
    AuditEventId
);

fn uuid_v7(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Uuid, EntropyError> {
    let mut random = [0; 10];
    entropy.fill(&mut random)?;
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}
