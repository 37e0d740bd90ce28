use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::kernel::{Email, UserId};
use inwren_domain::token::{InvalidToken, KeyState, LegacyClaims, LegacySubject, LegacyTokenVerifier};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::envelope::Compact;
use super::key::{TokenKey, VerifyingKey as _};
use super::tokens::Tokens;
use crate::crypto::ring::RingKey;

/// The headers that the usual Python libraries write, byte for byte. Verification compares the presented header and
/// never parses it, so that no other algorithm, key, `crit` or URL in it has an effect.
const HEADERS: [&str; 2] = [r#"{"alg":"RS256","typ":"JWT"}"#, r#"{"typ":"JWT","alg":"RS256"}"#];
/// Longest accepted lifetime of an access token. A token with a longer one may be a refresh token that does not state
/// its type.
const MAX_LIFETIME: Duration = Duration::DAY;

/// Verifies access tokens of the legacy service with the keys of the ring, until a given time.
///
/// The legacy service signed with the same RSA key. Its tokens name no key in the header, and have other and fewer
/// claims. The verifier ignores their issuer, audience and rights: no other service used the key, and the store holds
/// the rights.
pub struct LegacyTokens<K> {
    tokens: Arc<Tokens<K>>,
    until: OffsetDateTime,
    headers: [String; 2],
}

impl<K: TokenKey> LegacyTokens<K> {
    /// Verifies with the keys of these tokens, until this time.
    pub fn new(tokens: Arc<Tokens<K>>, until: OffsetDateTime) -> Self {
        Self { tokens, until, headers: HEADERS.map(|header| URL_SAFE_NO_PAD.encode(header)) }
    }

    fn claims(
        &self,
        payload: &str,
        was_there: impl FnOnce(OffsetDateTime) -> bool,
        now: OffsetDateTime,
    ) -> Result<LegacyClaims, InvalidToken> {
        let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| InvalidToken::Claims)?;
        let claims: Claims<'_> = serde_json::from_slice(&json).map_err(|_| InvalidToken::Claims)?;
        let expires_at = claims.exp.0;
        let issued_at = claims.iat.map(|iat| iat.0);
        let leeway = self.tokens.format.leeway;
        if now >= expires_at.saturating_add(leeway) {
            return Err(InvalidToken::Expired);
        }
        let begins = [issued_at, claims.nbf.map(|nbf| nbf.0)].into_iter().flatten();
        if begins.clone().any(|begin| begin > now.saturating_add(leeway)) {
            return Err(InvalidToken::Early);
        }
        let mut types = [&claims.r#type, &claims.token_type].into_iter().flatten();
        let says_access = claims.r#type.is_some() || claims.token_type.is_some();
        let is_access = types.all(|said| said == "access")
            && match issued_at {
                Some(issued_at) => expires_at - issued_at <= MAX_LIFETIME && was_there(issued_at),
                // Without an issue time and a type, a refresh token on its last day would look like an access token.
                None => says_access,
            };
        let is_bounded = expires_at <= self.until && expires_at <= now.saturating_add(MAX_LIFETIME);
        let is_ordered = begins.into_iter().all(|begin| begin < expires_at);
        if !is_access || !is_bounded || !is_ordered {
            return Err(InvalidToken::Claims);
        }
        let subject = subject(&claims.sub).ok_or(InvalidToken::Claims)?;
        Ok(LegacyClaims { subject, issued_at, expires_at })
    }
}

impl<K: TokenKey> LegacyTokenVerifier for LegacyTokens<K> {
    /// Checks the signature before it reads the payload.
    fn verify_legacy(&self, token: &str, now: OffsetDateTime) -> Result<LegacyClaims, InvalidToken> {
        let token = Compact::parse(token)?;
        if now >= self.until || !self.headers.iter().any(|header| header == token.header) {
            return Err(token.foreign_header());
        }
        let ring = self.tokens.ring.get();
        // The token does not name the key that signed it. A key that is still pending cannot have signed it.
        let used = ring.published(now).filter(|(_, state)| *state != KeyState::Pending);
        let signer = used.map(|(key, _)| key).find(|key| key.key.key.public().verify(&token).is_ok());
        let signer: &RingKey<_> = signer.ok_or(InvalidToken::Signature)?;
        let was_there = |issued_at| signer.signs_from <= ring.signer(issued_at).signs_from;
        self.claims(token.payload, was_there, now)
    }
}

/// Parses the subject: the id or the email address of a user.
fn subject(sub: &str) -> Option<LegacySubject> {
    if sub.contains('@') {
        return Email::parse_for_lookup(sub).ok().map(LegacySubject::Email);
    }
    // With or without hyphens: no library writes the other forms of a UUID.
    let id = matches!(sub.len(), 32 | 36).then(|| Uuid::try_parse(sub).ok())??;
    Some(LegacySubject::Id(UserId::from_uuid(id)))
}

/// Reads a claim that must have a value if it is present: `null` is an error.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The claims of legacy access tokens. Unknown, duplicate and null claims and claims of another type are refused,
/// because such a token may have another purpose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
    exp: NumericDate,
    #[serde(default, deserialize_with = "present")]
    iat: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<NumericDate>,
    #[serde(default, borrow, deserialize_with = "present")]
    r#type: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "present")]
    token_type: Option<Cow<'a, str>>,
    #[serde(default, rename = "iss")]
    _iss: Option<IgnoredAny>,
    #[serde(default, rename = "aud")]
    _aud: Option<IgnoredAny>,
    #[serde(default, rename = "jti")]
    _jti: Option<IgnoredAny>,
    #[serde(default, rename = "email")]
    _email: Option<IgnoredAny>,
    #[serde(default, rename = "tier")]
    _tier: Option<IgnoredAny>,
    #[serde(default, rename = "is_active")]
    _is_active: Option<IgnoredAny>,
    #[serde(default, rename = "is_superuser")]
    _is_superuser: Option<IgnoredAny>,
}

/// Seconds since 1970 (RFC 7519 section 2), whole or with a fraction, as `time.time()` returns them. Strings are
/// refused.
struct NumericDate(OffsetDateTime);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let date = match number.as_i64() {
            Some(seconds) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
            None => number
                .as_f64()
                .and_then(Duration::checked_seconds_f64)
                .and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since)),
        };
        date.filter(|date| *date >= OffsetDateTime::UNIX_EPOCH)
            .map(Self)
            .ok_or_else(|| D::Error::custom("no time that there is"))
    }
}
