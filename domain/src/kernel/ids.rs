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
            /// A new id (UUID version 7, RFC 9562 section 5.7): ordered by time, unguessable in its 74 random bits.
            pub fn generate(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                uuid_v7(now, entropy).map(Self)
            }

            /// Takes over an id that is already in use.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
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
    /// Names a user, for ever: never given to another one, even after a deletion (OWASP ASVS 5.0, 10.3.3).
    UserId
);
id!(
    /// Names a session; the `sid` claim of its tokens.
    SessionId
);
id!(
    /// Names a service client; its `client_id`.
    ServiceClientId
);
id!(
    /// Names an audit event.
    AuditEventId
);

fn uuid_v7(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Uuid, EntropyError> {
    let mut random = [0; 10];
    entropy.fill(&mut random)?;
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}
