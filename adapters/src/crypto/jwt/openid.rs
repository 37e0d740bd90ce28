//! The tokens that applications get about their users: ID tokens and logout tokens. This service reads only ID tokens,
//! and only as hints.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::client::ClientId;
use inwren_domain::kernel::{PlainToken, SessionId, UserId};
use inwren_domain::token::{ClaimValue, IdClaims, IdHint, InvalidToken, LogoutClaims};
use serde::de::IgnoredAny;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::format::TokenFormat;
use super::payload::{Id, Methods};

/// The claims of an ID token (OpenID Connect Core section 2), in the order of the signed bytes.
#[derive(Serialize)]
pub(super) struct IdPayload<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
    sub: Id,
    aud: &'a str,
    sid: Id,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'static str,
    amr: Methods<'a>,
    at_hash: String,
    #[serde(flatten)]
    profile: Profile<'a>,
}

impl<'a> IdPayload<'a> {
    /// Writes the claims of an ID token that is issued with this access token.
    pub(super) fn new(format: &'a TokenFormat, claims: &'a IdClaims, access_token: &PlainToken) -> Self {
        Self {
            iat: claims.issued_at.unix_timestamp(),
            exp: claims.expires_at.unix_timestamp(),
            iss: &format.issuer,
            sub: Id(claims.user_id.as_uuid()),
            aud: claims.client_id.as_str(),
            sid: Id(claims.session_id.as_uuid()),
            auth_time: claims.authenticated_at.unix_timestamp(),
            nonce: claims.nonce.as_deref(),
            acr: claims.assurance.acr.as_str(),
            amr: Methods(Cow::Borrowed(claims.assurance.amr.as_str())),
            at_hash: at_hash(access_token),
            profile: Profile(&claims.profile),
        }
    }
}

/// Returns the left half of the digest of an access token (OpenID Connect Core section 3.1.3.6).
fn at_hash(access_token: &PlainToken) -> String {
    let digest: [u8; 32] = Sha256::digest(access_token.expose()).into();
    let (half, _) = digest.split_at(digest.len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}

/// The claims about the user.
struct Profile<'a>(&'a [(&'static str, ClaimValue)]);

impl Serialize for Profile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match value {
                ClaimValue::Text(text) => map.serialize_entry(name, text)?,
                ClaimValue::Flag(flag) => map.serialize_entry(name, flag)?,
                ClaimValue::Seconds(seconds) => map.serialize_entry(name, seconds)?,
            }
        }
        map.end()
    }
}

/// The claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4), in the order of the signed bytes.
#[derive(Serialize)]
pub(super) struct LogoutPayload<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
    sub: Id,
    aud: &'a str,
    jti: &'a str,
    sid: Id,
    events: Events,
}

#[derive(Serialize)]
struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    logout: Event,
}

/// An event without members.
#[derive(Serialize)]
struct Event {}

impl<'a> LogoutPayload<'a> {
    /// Writes the claims of a logout token.
    pub(super) fn new(format: &'a TokenFormat, claims: &'a LogoutClaims) -> Self {
        Self {
            iat: claims.issued_at.unix_timestamp(),
            exp: claims.expires_at.unix_timestamp(),
            iss: &format.issuer,
            sub: Id(claims.user_id.as_uuid()),
            aud: claims.client_id.as_str(),
            jti: claims.id.as_str(),
            sid: Id(claims.session_id.as_uuid()),
            events: Events { logout: Event {} },
        }
    }
}

/// The claims of an ID token that a hint needs, and claims that no ID token has. Parsing refuses duplicates of them.
#[derive(Deserialize)]
struct HintPayload<'a> {
    iat: i64,
    exp: i64,
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: &'a str,
    #[serde(borrow)]
    aud: &'a str,
    #[serde(borrow)]
    sid: &'a str,
    r#type: Option<IgnoredAny>,
    jti: Option<IgnoredAny>,
    events: Option<IgnoredAny>,
}

/// Reads the claims of an ID token whose signature has been checked. It may have expired.
pub(super) fn hint(format: &TokenFormat, payload: &str, now: OffsetDateTime) -> Result<IdHint, InvalidToken> {
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| InvalidToken::Claims)?;
    let payload: HintPayload<'_> = serde_json::from_slice(&json).map_err(|_| InvalidToken::Claims)?;
    let HintPayload { iat, exp, .. } = payload;
    let is_other = payload.r#type.is_some() || payload.jti.is_some() || payload.events.is_some();
    if is_other || payload.iss != format.issuer || !(0..exp).contains(&iat) {
        return Err(InvalidToken::Claims);
    }
    if iat > now.unix_timestamp().saturating_add(format.leeway.whole_seconds()) {
        return Err(InvalidToken::Early);
    }
    payload.read().ok_or(InvalidToken::Claims)
}

impl HintPayload<'_> {
    fn read(&self) -> Option<IdHint> {
        Some(IdHint {
            client_id: ClientId::parse(self.aud).ok()?,
            user_id: UserId::from_uuid(Id::parse(self.sub)?.0),
            session_id: SessionId::from_uuid(Id::parse(self.sid)?.0),
        })
    }
}
