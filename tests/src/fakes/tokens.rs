use std::sync::{Arc, Mutex};

use inwren_domain::account::Tier;
use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::client::ServiceClientId;
use inwren_domain::kernel::{PlainToken, SessionId, TokenDigest, TokenId, UserId};
use inwren_domain::token::{
    AccessClaims, ClientClaims, InvalidToken, IssuedToken, KeyDirectory, PublishedKey, RefreshClaims,
    SigningError, TokenIssuer, TokenVerifier,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Script;

/// Tokens with claims in hexadecimal, and with a keyed checksum instead of a signature.
#[derive(Default)]
pub struct FakeTokens {
    /// The number of the signing key. Earlier keys still verify.
    key: Mutex<u64>,
    units: Mutex<Option<Arc<Script>>>,
}

impl FakeTokens {
    /// Changes to another signing key. Earlier keys still verify.
    pub fn change_key(&self) {
        *self.key.lock().unwrap() += 1;
    }

    /// From now on, signing fails the test if a handle of that store is open.
    pub fn watch(&self, script: Arc<Script>) {
        *self.units.lock().unwrap() = Some(script);
    }

    fn sign(&self, class: &str, claims: &[String]) -> PlainToken {
        if let Some(script) = &*self.units.lock().unwrap() {
            assert_eq!(script.open_handles(), 0, "a token is signed while a handle of the store is open");
        }
        let payload = hex(claims.join("\n").as_bytes());
        let key = *self.key.lock().unwrap();
        PlainToken::new(format!("{class}.{key}.{payload}.{}", checksum(class, key, &payload)))
    }

    fn open(&self, class: &str, token: &str) -> Result<Vec<String>, InvalidToken> {
        let parts: Vec<&str> = token.split('.').collect();
        let [its_class, key, payload, sum] = parts[..] else { return Err(InvalidToken::Malformed) };
        let key: u64 = key.parse().map_err(|_| InvalidToken::Header)?;
        if key > *self.key.lock().unwrap() || sum != checksum(its_class, key, payload) {
            return Err(InvalidToken::Signature);
        }
        if its_class != class {
            return Err(InvalidToken::Claims);
        }
        Ok(unhex(payload).ok_or(InvalidToken::Malformed)?.split('\n').map(str::to_owned).collect())
    }
}

/// The directory is empty: no public key can verify these tokens.
impl KeyDirectory for FakeTokens {
    fn published(&self, _: OffsetDateTime) -> Vec<PublishedKey> {
        Vec::new()
    }

    fn keyed_hash(&self, purpose: &str, text: &str) -> [u8; 32] {
        let key = *self.key.lock().unwrap();
        Sha256::digest(format!("key {key} hashes {purpose} {text}")).into()
    }
}

impl TokenIssuer for FakeTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError> {
        Ok(self.sign(
            "access",
            &[
                claims.id.as_str().to_owned(),
                claims.user_id.to_string(),
                claims.session_id.to_string(),
                seconds(claims.issued_at)?,
                seconds(claims.expires_at)?,
                seconds(claims.authenticated_at)?,
                claims.assurance.acr.as_str().to_owned(),
                claims.assurance.amr.as_str().to_owned(),
                claims.is_for_enrolment.to_string(),
                claims.email.clone(),
                claims.email_verified.to_string(),
                claims.tier.as_str().to_owned(),
                claims.is_superuser.to_string(),
            ],
        ))
    }

    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError> {
        let (id, client) = (claims.id.as_str().to_owned(), claims.client_id.to_string());
        Ok(self.sign("client", &[id, client, seconds(claims.issued_at)?, seconds(claims.expires_at)?]))
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError> {
        let token = self.sign(
            "refresh",
            &[
                claims.id.as_str().to_owned(),
                claims.user_id.to_string(),
                claims.session_id.to_string(),
                seconds(claims.issued_at)?,
                seconds(claims.expires_at)?,
            ],
        );
        Ok(IssuedToken { digest: self.digest(&token), token })
    }
}

impl TokenVerifier for FakeTokens {
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken> {
        let claims = self.open("access", token)?;
        let [id, user, session, issued, expires, authenticated, acr, amr, for_enrolment, rest @ ..] =
            &claims[..]
        else {
            return Err(InvalidToken::Claims);
        };
        let [email, verified, tier, superuser] = rest else { return Err(InvalidToken::Claims) };
        let (issued_at, expires_at) = (time(issued)?, time(expires)?);
        check_times(issued_at, expires_at, now)?;
        Ok(AccessClaims {
            id: TokenId::from_stored(id.clone()),
            user_id: UserId::from_uuid(uuid(user)?),
            session_id: SessionId::from_uuid(uuid(session)?),
            issued_at,
            expires_at,
            authenticated_at: time(authenticated)?,
            assurance: Assurance {
                acr: Acr::from_name(acr).ok_or(InvalidToken::Claims)?,
                amr: Amr::from_stored(amr),
            },
            is_for_enrolment: for_enrolment.parse().map_err(|_| InvalidToken::Claims)?,
            email: email.clone(),
            email_verified: verified.parse().map_err(|_| InvalidToken::Claims)?,
            tier: Tier::from_stored(tier.clone()),
            is_superuser: superuser.parse().map_err(|_| InvalidToken::Claims)?,
        })
    }

    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken> {
        let claims = self.open("client", token)?;
        let [id, client, issued, expires] = &claims[..] else { return Err(InvalidToken::Claims) };
        let (issued_at, expires_at) = (time(issued)?, time(expires)?);
        check_times(issued_at, expires_at, now)?;
        let (id, client_id) = (TokenId::from_stored(id.clone()), ServiceClientId::from_uuid(uuid(client)?));
        Ok(ClientClaims { id, client_id, issued_at, expires_at })
    }

    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken> {
        let claims = self.open("refresh", token)?;
        let [id, user, session, issued, expires] = &claims[..] else {
            return Err(InvalidToken::Claims);
        };
        let (issued_at, expires_at) = (time(issued)?, time(expires)?);
        check_times(issued_at, expires_at, now)?;
        Ok(RefreshClaims {
            id: TokenId::from_stored(id.clone()),
            user_id: UserId::from_uuid(uuid(user)?),
            session_id: SessionId::from_uuid(uuid(session)?),
            issued_at,
            expires_at,
        })
    }

    fn digest(&self, token: &PlainToken) -> TokenDigest {
        TokenDigest::from_bytes(Sha256::digest(token.expose()).into())
    }
}

fn check_times(
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), InvalidToken> {
    if now >= expires_at {
        Err(InvalidToken::Expired)
    } else if now < issued_at {
        Err(InvalidToken::Early)
    } else {
        Ok(())
    }
}

/// Tokens state their times in whole seconds. A use case with a finer time could not issue the same token again.
fn seconds(time: OffsetDateTime) -> Result<String, SigningError> {
    if time == time.truncate_to_second() {
        Ok(time.unix_timestamp().to_string())
    } else {
        Err(SigningError("a claim's time is not in whole seconds"))
    }
}

fn time(text: &str) -> Result<OffsetDateTime, InvalidToken> {
    let seconds = text.parse().map_err(|_| InvalidToken::Claims)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| InvalidToken::Claims)
}

fn uuid(text: &str) -> Result<Uuid, InvalidToken> {
    Uuid::parse_str(text).map_err(|_| InvalidToken::Claims)
}

fn checksum(class: &str, key: u64, payload: &str) -> String {
    hex(&Sha256::digest(format!("key {key} signs {class} {payload}"))[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let digit = |i: usize| u8::from_str_radix(text.get(i..i + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
    String::from_utf8(bytes?).ok()
}
