//! Verifies the tokens by which clients authenticate (`private_key_jwt`; RFC 7523 section 3), with the keys of the
//! client's JWK set.

mod jwk;
mod object;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::client::{ClientAssertions, ClientId, VerifiedAssertion};
use inwren_domain::kernel::PlainToken;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use self::jwk::{Algorithm, Keys};
use self::object::Object;
use crate::crypto::jwt::Compact;

/// Longest accepted time until an assertion expires. Used assertions are remembered for that long.
const MAX_LIFETIME: Duration = Duration::hours(1);
/// Largest difference between the clocks of a client and this service.
const LEEWAY: Duration = Duration::seconds(10);
/// The `typ` of an assertion, if its header has one.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// Verifies assertions that are for this service.
pub struct ClientAssertionVerifier {
    audiences: Vec<String>,
}

impl ClientAssertionVerifier {
    /// Verifies assertions whose `aud` is one of these.
    pub fn new(audiences: Vec<String>) -> Self {
        Self { audiences }
    }

    fn read(&self, claims: &Object, client: &ClientId, now: OffsetDateTime) -> Option<VerifiedAssertion> {
        let is_client = |name| claims.text(name) == Some(client.as_str());
        let audience = match claims.get("aud")? {
            Value::String(audience) => audience,
            Value::Array(audiences) => match &audiences[..] {
                [Value::String(audience)] => audience,
                _ => return None,
            },
            _ => return None,
        };
        let expires_at = date(claims.get("exp")?)?;
        let has_begun = ["iat", "nbf"].into_iter().all(|name| match claims.get(name) {
            Some(begin) => date(begin).is_some_and(|begin| begin <= now.saturating_add(LEEWAY)),
            None => true,
        });
        let is_valid = is_client("iss")
            && is_client("sub")
            && self.audiences.contains(audience)
            && has_begun
            && expires_at > now
            && expires_at <= now.saturating_add(MAX_LIFETIME).saturating_add(LEEWAY);
        let id = claims.text("jti").filter(|id| !id.is_empty())?;
        is_valid.then(|| VerifiedAssertion { id: id.to_owned(), expires_at })
    }
}

impl ClientAssertions for ClientAssertionVerifier {
    fn client_of(&self, assertion: &str) -> Option<ClientId> {
        let token = Compact::parse(assertion).ok()?;
        ClientId::parse(part(token.payload)?.text("sub")?).ok()
    }

    /// Checks the signature before it reads the claims.
    fn verify(
        &self,
        assertion: &PlainToken,
        client: &ClientId,
        jwks: &str,
        now: OffsetDateTime,
    ) -> Option<VerifiedAssertion> {
        let token = Compact::parse(assertion.expose()).ok()?;
        let header = part(token.header)?;
        let algorithm = algorithm(&header)?;
        let kid = match header.get("kid") {
            Some(kid) => Some(kid.as_str()?),
            None => None,
        };
        let keys = Keys::parse(jwks)?;
        let mut candidates = keys.candidates(algorithm, kid);
        candidates
            .any(|key| key.verifies(algorithm, token.signed.as_bytes(), &token.signature))
            .then_some(())?;
        self.read(&part(token.payload)?, client, now)
    }

    fn is_key_set(&self, jwks: &str) -> bool {
        Keys::parse(jwks).is_some_and(|keys| keys.can_verify())
    }
}

/// Returns the algorithm of an assertion. Other members of the header have no effect, because the keys are those of the
/// client's settings.
fn algorithm(header: &Object) -> Option<Algorithm> {
    let is_type = match header.get("typ") {
        Some(typ) => typ.as_str().is_some_and(|typ| TYPES.contains(&typ)),
        None => true,
    };
    // No extension is known here (RFC 7515 section 4.1.11).
    let is_plain = is_type && header.get("crit").is_none();
    Algorithm::from_name(header.text("alg")?).filter(|_| is_plain)
}

/// Decodes a part of a token.
fn part(encoded: &str) -> Option<Object> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

/// Reads seconds since 1970 (RFC 7519 section 2), whole or with a fraction.
fn date(value: &Value) -> Option<OffsetDateTime> {
    match value.as_i64() {
        Some(seconds) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
        None => OffsetDateTime::UNIX_EPOCH.checked_add(Duration::checked_seconds_f64(value.as_f64()?)?),
    }
}

#[cfg(test)]
mod tests;
