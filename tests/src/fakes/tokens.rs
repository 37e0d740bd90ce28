use std::sync::{Arc, Mutex};

use inwren_domain::account::Tier;
use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::client::{ClientId, Scope};
use inwren_domain::kernel::{PlainToken, SessionId, TokenDigest, TokenId, UserId};
use inwren_domain::token::{
    AccessClaims, ApplicationClaims, ClaimValue, ClientClaims, IdClaims, IdHint, InvalidToken, IssuedToken,
    KeyDirectory, LogoutClaims, PublishedKey, RefreshClaims, SigningError, TokenIssuer, TokenVerifier,
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
        let [client, scope, resource] = holder(claims.application.as_ref());
        // The token of an application has fewer claims.
        let has_email = claims.application.as_ref().is_none_or(|one| one.scope.contains(Scope::EMAIL));
        let is_superuser = claims.is_superuser && claims.application.is_none();
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
                if has_email { claims.email.clone() } else { String::new() },
                (has_email && claims.email_verified).to_string(),
                claims.tier.as_str().to_owned(),
                is_superuser.to_string(),
                client,
                scope,
                resource,
            ],
        ))
    }

    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError> {
        Ok(self.sign(
            "client",
            &[
                claims.id.as_str().to_owned(),
                claims.client_id.to_string(),
                claims.scope.to_string(),
                seconds(claims.issued_at)?,
                seconds(claims.expires_at)?,
            ],
        ))
    }

    fn issue_id(&self, claims: &IdClaims, access_token: &PlainToken) -> Result<PlainToken, SigningError> {
        let mut lines = vec![
            claims.user_id.to_string(),
            claims.client_id.to_string(),
            claims.session_id.to_string(),
            seconds(claims.issued_at)?,
            seconds(claims.expires_at)?,
            seconds(claims.authenticated_at)?,
            claims.assurance.acr.as_str().to_owned(),
            claims.assurance.amr.as_str().to_owned(),
            claims.nonce.clone().unwrap_or_default(),
            hex(self.digest(access_token).as_bytes()),
        ];
        lines.extend(claims.profile.iter().map(|(name, value)| match value {
            ClaimValue::Text(text) => format!("{name} {text}"),
            ClaimValue::Flag(flag) => format!("{name} {flag}"),
            ClaimValue::Seconds(seconds) => format!("{name} {seconds}"),
        }));
        Ok(self.sign("id", &lines))
    }

    fn issue_logout(&self, claims: &LogoutClaims) -> Result<PlainToken, SigningError> {
        Ok(self.sign(
            "logout",
            &[
                claims.id.as_str().to_owned(),
                claims.client_id.to_string(),
                claims.user_id.to_string(),
                claims.session_id.to_string(),
                seconds(claims.issued_at)?,
                seconds(claims.expires_at)?,
            ],
        ))
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
                claims.client_id.as_ref().map(ToString::to_string).unwrap_or_default(),
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
        let [email, verified, tier, superuser, client, scope, resource] = rest else {
            return Err(InvalidToken::Claims);
        };
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
            application: client_id(client).map(|client_id| ApplicationClaims {
                client_id,
                scope: Scope::from_stored(scope.clone()),
                resource: Some(resource.clone()).filter(|resource| !resource.is_empty()),
            }),
        })
    }

    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken> {
        let claims = self.open("client", token)?;
        let [id, client, scope, issued, expires] = &claims[..] else { return Err(InvalidToken::Claims) };
        let (issued_at, expires_at) = (time(issued)?, time(expires)?);
        check_times(issued_at, expires_at, now)?;
        Ok(ClientClaims {
            id: TokenId::from_stored(id.clone()),
            client_id: ClientId::from_stored(client.clone()),
            scope: Scope::from_stored(scope.clone()),
            issued_at,
            expires_at,
        })
    }

    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken> {
        let claims = self.open("refresh", token)?;
        let [id, user, session, issued, expires, client] = &claims[..] else {
            return Err(InvalidToken::Claims);
        };
        let (issued_at, expires_at) = (time(issued)?, time(expires)?);
        check_times(issued_at, expires_at, now)?;
        Ok(RefreshClaims {
            id: TokenId::from_stored(id.clone()),
            user_id: UserId::from_uuid(uuid(user)?),
            session_id: SessionId::from_uuid(uuid(session)?),
            client_id: client_id(client),
            issued_at,
            expires_at,
        })
    }

    fn verify_id_hint(&self, token: &str, now: OffsetDateTime) -> Result<IdHint, InvalidToken> {
        let claims = self.open("id", token)?;
        let [user, client, session, issued, ..] = &claims[..] else { return Err(InvalidToken::Claims) };
        if now < time(issued)? {
            return Err(InvalidToken::Early);
        }
        Ok(IdHint {
            client_id: client_id(client).ok_or(InvalidToken::Claims)?,
            user_id: UserId::from_uuid(uuid(user)?),
            session_id: SessionId::from_uuid(uuid(session)?),
        })
    }

    fn digest(&self, token: &PlainToken) -> TokenDigest {
        TokenDigest::from_bytes(Sha256::digest(token.expose()).into())
    }
}

/// The claims about an application; empty for none.
fn holder(application: Option<&ApplicationClaims>) -> [String; 3] {
    let Some(application) = application else { return Default::default() };
    let ApplicationClaims { client_id, scope, resource } = application;
    [client_id.to_string(), scope.to_string(), resource.clone().unwrap_or_default()]
}

/// The application of a token; `None` for an empty text.
fn client_id(text: &str) -> Option<ClientId> {
    (!text.is_empty()).then(|| ClientId::from_stored(text.to_owned()))
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
