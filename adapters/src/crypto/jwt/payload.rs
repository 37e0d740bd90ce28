use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The claims of our access and refresh tokens, in the order of the signed bytes. Every token has the first ones; each
/// class has its own of the others.
///
/// Parsing ignores claims with other names (RFC 7519 section 4), so that tokens of a later release stay valid. It
/// refuses duplicate names, and claims of ours that are null or of another type.
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) iss: Cow<'a, str>,
    pub(super) sub: Subject<'a>,
    pub(super) aud: Cow<'a, str>,
    pub(super) jti: Cow<'a, str>,
    pub(super) r#type: Cow<'a, str>,
    /// Our tokens do not have this claim, but it must hold if it is present (RFC 7519 section 4.1.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acr: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amr: Option<Methods<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tier: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_superuser: Option<bool>,
    /// Absent only in tokens from before the claim existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PayloadVisitor)
    }
}

struct PayloadVisitor;

/// A string that is borrowed if it contains no escape sequence.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut iat, mut exp, mut nbf, mut auth_time) = (None, None, None, None);
        let (mut iss, mut aud, mut jti, mut r#type) = (None, None, None, None);
        let (mut email, mut tier, mut client_id, mut scope) = (None, None, None, None);
        let (mut acr, mut amr) = (None, None);
        let (mut sub, mut sid) = (None, None);
        let (mut email_verified, mut is_superuser) = (None, None);
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            match &*name {
                "iat" => once(&mut map, &mut iat)?,
                "exp" => once(&mut map, &mut exp)?,
                "iss" => once(&mut map, &mut iss)?,
                "sub" => once(&mut map, &mut sub)?,
                "aud" => once(&mut map, &mut aud)?,
                "jti" => once(&mut map, &mut jti)?,
                "type" => once(&mut map, &mut r#type)?,
                "nbf" => once(&mut map, &mut nbf)?,
                "sid" => once(&mut map, &mut sid)?,
                "auth_time" => once(&mut map, &mut auth_time)?,
                "acr" => once(&mut map, &mut acr)?,
                "amr" => once(&mut map, &mut amr)?,
                "email" => once(&mut map, &mut email)?,
                "email_verified" => once(&mut map, &mut email_verified)?,
                "tier" => once(&mut map, &mut tier)?,
                "is_superuser" => once(&mut map, &mut is_superuser)?,
                "client_id" => once(&mut map, &mut client_id)?,
                "scope" => once(&mut map, &mut scope)?,
                _ if others.contains(&name) => return Err(A::Error::custom("a claim that comes twice")),
                _ => {
                    let _: IgnoredAny = map.next_value()?;
                    others.push(name);
                }
            }
        }
        let text = |Text(text)| text;
        Ok(Payload {
            iat: required(iat)?,
            exp: required(exp)?,
            iss: required(iss).map(text)?,
            sub: Subject::Text(required(sub)?),
            aud: required(aud).map(text)?,
            jti: required(jti).map(text)?,
            r#type: required(r#type).map(text)?,
            nbf,
            sid,
            auth_time,
            acr: acr.map(text),
            amr,
            email: email.map(text),
            email_verified,
            tier: tier.map(text),
            is_superuser,
            client_id: client_id.map(text),
            scope: scope.map(text),
        })
    }
}

/// Reads the value of a claim, and refuses duplicates and null.
fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    claim: &mut Option<T>,
) -> Result<(), A::Error> {
    if claim.is_some() {
        return Err(A::Error::custom("a claim that comes twice"));
    }
    *claim = Some(map.next_value()?);
    Ok(())
}

fn required<T, E: serde::de::Error>(claim: Option<T>) -> Result<T, E> {
    claim.ok_or_else(|| E::custom("a claim that is missing"))
}

/// The authentication methods: a JSON array of names, held as one string separated by spaces.
pub(super) struct Methods<'a>(pub(super) Cow<'a, str>);

impl Serialize for Methods<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.split_ascii_whitespace())
    }
}

impl<'de> Deserialize<'de> for Methods<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<Text<'de>>::deserialize(deserializer)?;
        let names: Vec<&str> = names.iter().map(|Text(name)| name.as_ref()).collect();
        Ok(Self(Cow::Owned(names.join(" "))))
    }
}

/// The subject of a token: the id of a user, or a `client_id`. Neither contains characters that JSON escapes.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A user, for a token to write.
    User(Id),
    /// Any text.
    Text(&'a str),
}

impl Subject<'_> {
    /// Returns the id, if the subject may be a user.
    pub(super) fn id(self) -> Option<Id> {
        match self {
            Self::User(id) => Some(id),
            Self::Text(text) => Id::parse(text),
        }
    }

    /// Whether the subject is this text.
    pub(super) fn is(self, text: &str) -> bool {
        match self {
            Self::User(id) => id.written(&mut [0; 36]) == text,
            Self::Text(own) => own == text,
        }
    }
}

impl Serialize for Subject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::User(id) => id.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A UUID in the form that we write. The other forms are refused, so that each id has one spelling.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) Uuid);

impl Id {
    /// Reads an id in the form that we write.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).map(Self).ok()?;
        (id.written(&mut [0; 36]) == text).then_some(id)
    }

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
        Self::parse(text).ok_or_else(|| D::Error::custom("not as we write it"))
    }
}
