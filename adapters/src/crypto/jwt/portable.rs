use inwren_domain::model::{AccessClaims, ClientClaims, IssuedToken, PlainToken, RefreshClaims, TokenDigest};
use inwren_domain::ports::{
    InvalidToken, KeyDirectory, PublishedKey, SigningError, TokenIssuer, TokenVerifier,
};
use jwt_simple::algorithms::{RS256KeyPair, RS256PublicKey, RSAKeyPairLike, RSAPublicKeyLike};
use jwt_simple::claims::{Audiences, JWTClaims};
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude::{Duration, UnixTimeStamp};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use time::OffsetDateTime;

use super::format::{
    AccessPayload, ClientPayload, MAX_TOKEN_BYTES, Payload, RefreshPayload, Registered, TokenFormat, digest,
};
use super::keys::SigningKeys;
use crate::crypto::keys::{KeyError, KeyPair};
use crate::crypto::ring::{Prepared, SharedRing};

/// Signs and verifies with jwt-simple in pure Rust: for builds without a C compiler, and as the independent check of
/// the other adapter.
///
/// The library accepts more than this service does (its own clock with 15 minutes of tolerance, optional times, a
/// missing type, an empty `crit`, a megabyte of token), so its options are narrowed as far as they go, and the strict
/// format is checked around it.
pub struct PortableTokens {
    format: TokenFormat,
    ring: SharedRing<Prepared<PortableKey>>,
}

struct PortableKey {
    private: RS256KeyPair,
    public: RS256PublicKey,
}

impl PortableKey {
    /// Takes the key over.
    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let kid = pair.public().id();
        let private =
            RS256KeyPair::from_pem(&pair.to_pem()?).map_err(|_| KeyError::Damaged)?.with_key_id(kid);
        let public = RS256PublicKey::from_pem(&pair.public().to_pem()?).map_err(|_| KeyError::Damaged)?;
        Ok(Self { private, public })
    }
}

/// The claims of an access token that the library has no name for.
#[derive(Serialize, Deserialize)]
struct AccessOwn {
    r#type: String,
    sid: String,
    auth_time: i64,
    email: String,
    tier: String,
    is_superuser: bool,
}

/// The claims of a service client's token that the library has no name for.
#[derive(Serialize, Deserialize)]
struct ClientOwn {
    r#type: String,
    client_id: String,
}

/// The claims of a refresh token that the library has no name for.
#[derive(Serialize, Deserialize)]
struct RefreshOwn {
    r#type: String,
    sid: String,
}

impl PortableTokens {
    /// Works with one key, which signs always.
    pub fn new(format: TokenFormat, pair: &KeyPair) -> Result<Self, KeyError> {
        Self::with_keys(format, &SigningKeys::of_one(pair.clone()))
    }

    /// Works with these keys.
    pub fn with_keys(format: TokenFormat, keys: &SigningKeys) -> Result<Self, KeyError> {
        Ok(Self { format, ring: SharedRing::new(keys.ring(PortableKey::new)?) })
    }

    /// Goes over to other keys. If one of them cannot be used, it goes on with those that it has.
    pub fn replace_keys(&self, keys: &SigningKeys) -> Result<(), KeyError> {
        self.ring.replace(keys.ring(PortableKey::new)?);
        Ok(())
    }

    fn sign<Own: Serialize>(
        &self,
        typ: &str,
        registered: &Registered<'_>,
        subject: String,
        jti: String,
        own: Own,
    ) -> Result<PlainToken, SigningError> {
        let claims = JWTClaims {
            issued_at: Some(timestamp(registered.iat)?),
            expires_at: Some(timestamp(registered.exp)?),
            invalid_before: None,
            issuer: Some(registered.iss.to_owned()),
            subject: Some(subject),
            audiences: Some(Audiences::AsString(registered.aud.to_owned())),
            jwt_id: Some(jti),
            nonce: None,
            custom: own,
        };
        let header = HeaderOptions { content_type: None, signature_type: Some(typ.to_owned()) };
        let issued_at = OffsetDateTime::from_unix_timestamp(registered.iat)
            .map_err(|_| SigningError("a time that is out of range"))?;
        let token = self.ring.get().signer(issued_at).key.key.private.sign_with_options(claims, &header);
        token.map(PlainToken::new).map_err(|_| SigningError("the key refused to sign"))
    }

    fn verify<P: Payload>(&self, token: &str, now: OffsetDateTime) -> Result<P::Claims, InvalidToken> {
        let unverified = self.format.take_apart::<P>(token)?;
        let ring = self.ring.get();
        let known = ring.verifier(&unverified.kid, now).ok_or(InvalidToken::Header)?;
        // Read as a map, because the library wants a type for the rest of the claims; the format reads them strictly.
        let checked = known.key.key.public.verify_token::<serde_json::Map<String, serde_json::Value>>(
            token,
            Some(VerificationOptions {
                accept_future: false,
                required_key_id: None,
                required_signature_type: Some(P::TYP.to_owned()),
                allowed_issuers: Some(HashSet::from([self.format.issuer.clone()])),
                allowed_audiences: Some(HashSet::from([self.format.audience.clone()])),
                time_tolerance: Some(Duration::from_secs(self.format.leeway.whole_seconds().unsigned_abs())),
                max_token_length: Some(MAX_TOKEN_BYTES),
                artificial_time: Some(timestamp(now.unix_timestamp()).map_err(|_| InvalidToken::Early)?),
                ..VerificationOptions::default()
            }),
        );
        // The format decides on claims and times, so that both adapters refuse for the same reason.
        match checked {
            Ok(_) => self.format.claims::<P>(&unverified, now),
            Err(error) if is_bad_signature(&error) => Err(InvalidToken::Signature),
            Err(_) => self.format.claims::<P>(&unverified, now).and(Err(InvalidToken::Claims)),
        }
    }
}

fn is_bad_signature(error: &jwt_simple::Error) -> bool {
    matches!(error.downcast_ref(), Some(jwt_simple::JWTError::InvalidSignature))
}

fn timestamp(seconds: i64) -> Result<UnixTimeStamp, SigningError> {
    u64::try_from(seconds).map(Duration::from_secs).map_err(|_| SigningError("a time before 1970"))
}

impl KeyDirectory for PortableTokens {
    fn published(&self, now: OffsetDateTime) -> Vec<PublishedKey> {
        self.ring.get().directory(now)
    }
}

impl TokenIssuer for PortableTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError> {
        let payload = AccessPayload::new(claims, &self.format);
        let own = AccessOwn {
            r#type: payload.r#type.clone(),
            sid: payload.sid.clone(),
            auth_time: payload.auth_time,
            email: payload.email.clone(),
            tier: payload.tier.clone(),
            is_superuser: payload.is_superuser,
        };
        self.sign(AccessPayload::TYP, &payload.registered(), payload.sub.clone(), payload.jti.clone(), own)
    }

    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError> {
        let payload = ClientPayload::new(claims, &self.format);
        let own = ClientOwn { r#type: payload.r#type.clone(), client_id: payload.client_id.clone() };
        self.sign(ClientPayload::TYP, &payload.registered(), payload.sub.clone(), payload.jti.clone(), own)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError> {
        let payload = RefreshPayload::new(claims, &self.format);
        let own = RefreshOwn { r#type: payload.r#type.clone(), sid: payload.sid.clone() };
        let token = self.sign(
            RefreshPayload::TYP,
            &payload.registered(),
            payload.sub.clone(),
            payload.jti.clone(),
            own,
        )?;
        Ok(IssuedToken { digest: digest(token.expose()), token })
    }
}

impl TokenVerifier for PortableTokens {
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken> {
        self.verify::<AccessPayload>(token, now)
    }

    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken> {
        self.verify::<ClientPayload>(token, now)
    }

    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken> {
        self.verify::<RefreshPayload>(token, now)
    }

    fn digest(&self, token: &PlainToken) -> TokenDigest {
        digest(token.expose())
    }
}
