//! The client data (WebAuthn Level 3 section 5.8.1): what the browser says about a ceremony.

use std::fmt;

use inwren_domain::factor::{Expected, InvalidCeremony};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::MAX_BYTES;

/// Client data that were read, but not verified.
pub(super) struct ClientData(Map<String, Value>);

impl ClientData {
    /// Reads client data. Members that are unknown are allowed (section 5.8.1.1).
    pub(super) fn read(json: &[u8]) -> Result<Self, InvalidCeremony> {
        if json.len() > MAX_BYTES {
            return Err(InvalidCeremony("the client data are too long"));
        }
        let Members(members) =
            serde_json::from_slice(json).map_err(|_| InvalidCeremony("the client data are malformed"))?;
        Ok(Self(members))
    }

    /// The challenge, as base64url.
    pub(super) fn challenge(&self) -> Option<&str> {
        self.text("challenge")
    }

    /// Verifies the type, the challenge and the origin.
    pub(super) fn verify(&self, kind: &str, expected: &Expected<'_>) -> Result<(), InvalidCeremony> {
        if self.text("type") != Some(kind) {
            return Err(InvalidCeremony("the client data have another type"));
        }
        if self.challenge() != Some(expected.challenge) {
            return Err(InvalidCeremony("the client data have another challenge"));
        }
        let origin = self.text("origin").unwrap_or_default();
        if !expected.relying_party.origins.iter().any(|allowed| allowed == origin) {
            return Err(InvalidCeremony("the origin is not allowed"));
        }
        // The page was embedded in a page of another origin, which may deceive the user.
        let is_embedded = !matches!(self.0.get("crossOrigin"), None | Some(Value::Bool(false)));
        if is_embedded || self.0.contains_key("topOrigin") {
            return Err(InvalidCeremony("the page is embedded in another origin"));
        }
        Ok(())
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }
}

/// The members of a JSON object with distinct names. Parsers disagree on which of two members counts.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DistinctNames).map(Self)
    }
}

struct DistinctNames;

impl<'de> Visitor<'de> for DistinctNames {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(members)
    }
}
