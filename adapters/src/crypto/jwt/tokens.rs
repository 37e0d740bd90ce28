use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::client::ClientId;
use inwren_domain::kernel::{PlainToken, TokenDigest};
use inwren_domain::token::{
    AccessClaims, ClientClaims, FIRST_PARTY_CLIENT, IdClaims, IdHint, InvalidToken, IssuedToken,
    KeyDirectory, KeyState, LogoutClaims, PublishedKey, RefreshClaims, SigningError, TokenIssuer,
    TokenVerifier,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::classes::TokenClass;
use super::envelope::{Compact, TokenType};
use super::format::TokenFormat;
use super::key::{TokenKey, VerifyingKey as _};
use super::keys::{Prepared, SigningKeys};
use super::openid::{IdPayload, LogoutPayload, hint};
use super::payload::Payload;
use crate::crypto::keys::{KeyError, KeyPair};
use crate::crypto::ring::SharedRing;

/// Signs and verifies tokens of one format with the keys of a ring. `K` is the library's form of a key pair.
pub struct Tokens<K> {
    pub(super) format: TokenFormat,
    pub(super) ring: SharedRing<Prepared<K>>,
}

impl<K: TokenKey> Tokens<K> {
    /// Uses one key, which always signs.
    pub fn new(format: TokenFormat, pair: &KeyPair) -> Result<Self, KeyError> {
        Self::with_keys(format, &SigningKeys::of_one(pair.clone()))
    }

    /// Uses these keys.
    pub fn with_keys(format: TokenFormat, keys: &SigningKeys) -> Result<Self, KeyError> {
        Ok(Self { format, ring: SharedRing::new(keys.ring()?) })
    }

    /// Replaces the keys. If one of the new keys cannot be used, the old keys stay in use.
    pub fn replace_keys(&self, keys: &SigningKeys) -> Result<(), KeyError> {
        self.ring.replace(keys.ring()?);
        Ok(())
    }

    fn issue<C: TokenClass>(
        &self,
        claims: &C,
        issued_at: OffsetDateTime,
    ) -> Result<PlainToken, SigningError> {
        self.sign(C::TYPE, &claims.payload(&self.format), issued_at)
    }

    fn sign(
        &self,
        r#type: TokenType,
        payload: &impl Serialize,
        issued_at: OffsetDateTime,
    ) -> Result<PlainToken, SigningError> {
        let ring = self.ring.get();
        let signer = &ring.signer(issued_at).key;
        Ok(PlainToken::new(signer.key.sign(signer.headers.of(r#type), payload)?))
    }

    /// Checks the signature before it reads the payload.
    fn verify<C: TokenClass>(&self, token: &str, now: OffsetDateTime) -> Result<C, InvalidToken> {
        let token = Compact::parse(token)?;
        let ring = self.ring.get();
        let known = ring
            .verifier(now, |key| key.headers.of(C::TYPE).encoded == token.header)
            .ok_or_else(|| token.foreign_header())?;
        let Prepared { key, verified, .. } = &known.key;
        match C::TYPE {
            TokenType::Access => verified.check(token.token, || key.public().verify(&token))?,
            // Not cached, because clients do not present them repeatedly.
            TokenType::Refresh | TokenType::Id | TokenType::Logout => key.public().verify(&token)?,
        }
        claims(&self.format, token.payload, now)
    }
}

/// Reads the claims of a token whose signature has been checked, and checks that they are valid in this format at this
/// time.
pub(super) fn claims<C: TokenClass>(
    format: &TokenFormat,
    payload: &str,
    now: OffsetDateTime,
) -> Result<C, InvalidToken> {
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| InvalidToken::Claims)?;
    let payload: Payload<'_> = serde_json::from_slice(&json).map_err(|_| InvalidToken::Claims)?;
    let Payload { iat, exp, nbf, .. } = payload;
    let is_ours = payload.iss == format.issuer && C::is_for_us(format, &payload);
    if !is_ours || payload.r#type != C::NAME || !(0..exp).contains(&iat) {
        return Err(InvalidToken::Claims);
    }
    let now = now.unix_timestamp();
    let leeway = format.leeway.whole_seconds();
    if now >= exp.saturating_add(leeway) {
        return Err(InvalidToken::Expired);
    }
    if iat.max(nbf.unwrap_or(iat)) > now.saturating_add(leeway) {
        return Err(InvalidToken::Early);
    }
    C::read(payload, format).ok_or(InvalidToken::Claims)
}

impl<K: TokenKey> KeyDirectory for Tokens<K> {
    fn published(&self, now: OffsetDateTime) -> Vec<PublishedKey> {
        let ring = self.ring.get();
        let published = ring.published(now).map(|(key, state)| PublishedKey {
            id: key.id.clone(),
            modulus: key.key.public.modulus(),
            exponent: key.key.public.exponent(),
            state,
        });
        let mut keys: Vec<PublishedKey> = published.collect();
        keys.sort_by_key(|key| match key.state {
            KeyState::Active => 0,
            KeyState::Pending => 1,
            KeyState::Retired => 2,
        });
        keys
    }

    // Uses the newest of all keys, which changes only when the manifest changes. All instances read the manifest at
    // about the same time, while which key signs or is published depends on their clocks and start times.
    fn keyed_hash(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.ring.get().newest().key.secret.hash(purpose, text)
    }
}

/// Refuses an application whose tokens would pass for those of this service's own API.
fn check_client(client_id: Option<&ClientId>) -> Result<(), SigningError> {
    match client_id {
        Some(client_id) if client_id.as_str() == FIRST_PARTY_CLIENT => {
            Err(SigningError("the client has the reserved id"))
        }
        _ => Ok(()),
    }
}

impl<K: TokenKey> TokenIssuer for Tokens<K> {
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError> {
        check_client(claims.application.as_ref().map(|application| &application.client_id))?;
        self.issue(claims, claims.issued_at)
    }

    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError> {
        check_client(Some(&claims.client_id))?;
        self.issue(claims, claims.issued_at)
    }

    fn issue_id(&self, claims: &IdClaims, access_token: &PlainToken) -> Result<PlainToken, SigningError> {
        let payload = IdPayload::new(&self.format, claims, access_token);
        self.sign(TokenType::Id, &payload, claims.issued_at)
    }

    fn issue_logout(&self, claims: &LogoutClaims) -> Result<PlainToken, SigningError> {
        self.sign(TokenType::Logout, &LogoutPayload::new(&self.format, claims), claims.issued_at)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError> {
        check_client(claims.client_id.as_ref())?;
        let token = self.issue(claims, claims.issued_at)?;
        Ok(IssuedToken { digest: self.digest(&token), token })
    }
}

impl<K: TokenKey> TokenVerifier for Tokens<K> {
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken> {
        self.verify(token, now)
    }

    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken> {
        self.verify(token, now)
    }

    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken> {
        self.verify(token, now)
    }

    /// Accepts any key of the ring. A revoked key is not in it. A hint may come when its key is no longer published.
    fn verify_id_hint(&self, token: &str, now: OffsetDateTime) -> Result<IdHint, InvalidToken> {
        let token = Compact::parse(token)?;
        let ring = self.ring.get();
        let known = ring
            .all(now)
            .map(|(key, _, _)| &key.key)
            .find(|key| key.headers.of(TokenType::Id).encoded == token.header)
            .ok_or_else(|| token.foreign_header())?;
        known.key.public().verify(&token)?;
        hint(&self.format, token.payload, now)
    }

    fn digest(&self, token: &PlainToken) -> TokenDigest {
        TokenDigest::from_bytes(Sha256::digest(token.expose()).into())
    }
}
