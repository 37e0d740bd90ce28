use std::fmt;

use time::OffsetDateTime;

use crate::kernel::{TokenDigest, id};

id!(
    /// Identifies a service client: its `client_id`.
    ServiceClientId
);

/// A service that requests tokens on its own behalf and not on a user's (RFC 6749 section 2.1, a confidential client).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceClient {
    /// Identifies the client: the `client_id` of OAuth 2.0.
    pub id: ServiceClientId,
    /// The display name. It is unique.
    pub name: ServiceClientName,
    /// The SHA-256 digest of the client's secret, which has 256 random bits.
    pub hashed_secret: TokenDigest,
    /// When the client was created.
    pub created_at: OffsetDateTime,
    /// When the client was revoked, if it was.
    pub revoked_at: Option<OffsetDateTime>,
}

/// The display name of a service client: 1 to 100 characters in one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceClientName(String);

/// The text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 characters, and no line breaks")]
pub struct InvalidServiceClientName;

impl ServiceClientName {
    /// Parses a name. Surrounding white space is removed.
    pub fn parse(text: &str) -> Result<Self, InvalidServiceClientName> {
        let text = text.trim();
        let fits = (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidServiceClientName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
