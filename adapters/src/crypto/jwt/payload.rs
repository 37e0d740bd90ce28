use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// All claims that our tokens have, in the order of the signed bytes. The first ones are in every token; of the others,
/// each class has its own and none besides.
///
/// Reading is strict: an unknown claim, one that comes twice, one that is null and one of another type are refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload<'a> {
    pub(super) iat: i64,
    pub(super) exp: i64,
    #[serde(borrow)]
    pub(super) iss: Cow<'a, str>,
    pub(super) sub: Id,
    #[serde(borrow)]
    pub(super) aud: Cow<'a, str>,
    pub(super) jti: &'a str,
    pub(super) r#type: &'a str,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<Id>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<i64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) tier: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) is_superuser: Option<bool>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<Id>,
}

/// A claim that is there has a value: `null` is none.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A UUID in the form that we write. It has others, and one thing must have one name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) Uuid);

impl Id {
    fn written(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.written(&mut [0; 36]))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let id = Uuid::try_parse(text).map(Self).map_err(D::Error::custom)?;
        if id.written(&mut [0; 36]) == text { Ok(id) } else { Err(D::Error::custom("not as we write it")) }
    }
}
