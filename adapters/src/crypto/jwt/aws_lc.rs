use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::model::{AccessClaims, ClientClaims, IssuedToken, PlainToken, RefreshClaims, TokenDigest};
use inwren_domain::ports::{
    InvalidToken, KeyDirectory, PublishedKey, SigningError, TokenIssuer, TokenVerifier,
};
use time::OffsetDateTime;

use super::format::{AccessPayload, ClientPayload, Payload, RefreshPayload, TokenFormat, digest};
use super::keys::SigningKeys;
use crate::crypto::keys::{KeyError, KeyPair};
use crate::crypto::ring::{Prepared, SharedRing};

/// Signs and verifies with AWS-LC: constant-time, and as fast as the machine can.
pub struct AwsLcTokens {
    format: TokenFormat,
    ring: SharedRing<Prepared<AwsLcKey>>,
}

struct AwsLcKey {
    private: RsaKeyPair,
    public: ParsedPublicKey,
}

impl AwsLcKey {
    /// Takes the key over, and checks by a signature that its halves belong together.
    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let private = RsaKeyPair::from_pkcs8(&pair.to_pkcs8_der()?).map_err(|_| KeyError::Damaged)?;
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().to_pkcs1_der()?)
            .map_err(|_| KeyError::Damaged)?;
        let key = Self { private, public };
        let probe = key.signature("probe").map_err(|_| KeyError::Damaged)?;
        key.public.verify_sig(b"probe", &probe).map_err(|_| KeyError::Mismatch)?;
        Ok(key)
    }

    fn signature(&self, input: &str) -> Result<Vec<u8>, SigningError> {
        let mut signature = vec![0; self.private.public_modulus_len()];
        self.private
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| SigningError("the key refused to sign"))?;
        Ok(signature)
    }
}

impl AwsLcTokens {
    /// Works with one key, which signs always.
    pub fn new(format: TokenFormat, pair: &KeyPair) -> Result<Self, KeyError> {
        Self::with_keys(format, &SigningKeys::of_one(pair.clone()))
    }

    /// Works with these keys.
    pub fn with_keys(format: TokenFormat, keys: &SigningKeys) -> Result<Self, KeyError> {
        Ok(Self { format, ring: SharedRing::new(keys.ring(AwsLcKey::new)?) })
    }

    /// Goes over to other keys. If one of them cannot be used, it goes on with those that it has.
    pub fn replace_keys(&self, keys: &SigningKeys) -> Result<(), KeyError> {
        self.ring.replace(keys.ring(AwsLcKey::new)?);
        Ok(())
    }

    fn issue<P: Payload>(
        &self,
        claims: &P::Claims,
        issued_at: OffsetDateTime,
    ) -> Result<PlainToken, SigningError> {
        let ring = self.ring.get();
        let signer = ring.signer(issued_at);
        let mut token = self.format.signing_input(&P::new(claims, &self.format), &signer.id)?;
        let signature = signer.key.key.signature(&token)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(PlainToken::new(token))
    }

    fn verify<P: Payload>(&self, token: &str, now: OffsetDateTime) -> Result<P::Claims, InvalidToken> {
        let unverified = self.format.take_apart::<P>(token)?;
        let ring = self.ring.get();
        let known = ring.verifier(&unverified.kid, now).ok_or(InvalidToken::Header)?;
        let public = &known.key.key.public;
        public
            .verify_sig(unverified.signed.as_bytes(), &unverified.signature)
            .map_err(|_| InvalidToken::Signature)?;
        self.format.claims::<P>(&unverified, now)
    }
}

impl KeyDirectory for AwsLcTokens {
    fn published(&self, now: OffsetDateTime) -> Vec<PublishedKey> {
        self.ring.get().directory(now)
    }
}

impl TokenIssuer for AwsLcTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError> {
        self.issue::<AccessPayload>(claims, claims.issued_at)
    }

    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError> {
        self.issue::<ClientPayload>(claims, claims.issued_at)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError> {
        let token = self.issue::<RefreshPayload>(claims, claims.issued_at)?;
        Ok(IssuedToken { digest: digest(token.expose()), token })
    }
}

impl TokenVerifier for AwsLcTokens {
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
