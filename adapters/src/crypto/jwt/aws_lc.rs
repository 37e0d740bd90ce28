use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::model::{AccessClaims, IssuedToken, PlainToken, RefreshClaims, TokenDigest};
use inwren_domain::ports::{InvalidToken, SigningError, TokenIssuer, TokenVerifier};
use time::OffsetDateTime;

use super::format::{AccessPayload, Payload, RefreshPayload, TokenFormat, digest};
use crate::crypto::keys::{KeyError, KeyPair};

/// Signs and verifies with AWS-LC: constant-time, and as fast as the machine can.
pub struct AwsLcTokens {
    format: TokenFormat,
    kid: String,
    private: RsaKeyPair,
    public: ParsedPublicKey,
}

impl AwsLcTokens {
    /// Takes the key over, and checks by a signature that its halves belong together.
    pub fn new(format: TokenFormat, key: &KeyPair) -> Result<Self, KeyError> {
        let private = RsaKeyPair::from_pkcs8(&key.to_pkcs8_der()?).map_err(|_| KeyError::Damaged)?;
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().to_pkcs1_der()?)
            .map_err(|_| KeyError::Damaged)?;
        let tokens = Self { format, kid: key.public().id().to_owned(), private, public };
        let probe = tokens.signature("probe").map_err(|_| KeyError::Damaged)?;
        tokens.public.verify_sig(b"probe", &probe).map_err(|_| KeyError::Mismatch)?;
        Ok(tokens)
    }

    fn signature(&self, input: &str) -> Result<Vec<u8>, SigningError> {
        let mut signature = vec![0; self.private.public_modulus_len()];
        self.private
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| SigningError("the key refused to sign"))?;
        Ok(signature)
    }

    fn issue<P: Payload>(&self, claims: &P::Claims) -> Result<PlainToken, SigningError> {
        let mut token = self.format.signing_input(&P::new(claims, &self.format), &self.kid)?;
        let signature = self.signature(&token)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(PlainToken::new(token))
    }

    fn verify<P: Payload>(&self, token: &str, now: OffsetDateTime) -> Result<P::Claims, InvalidToken> {
        let unverified = self.format.take_apart::<P>(token)?;
        if unverified.kid != self.kid {
            return Err(InvalidToken::Header);
        }
        self.public
            .verify_sig(unverified.signed.as_bytes(), &unverified.signature)
            .map_err(|_| InvalidToken::Signature)?;
        self.format.claims::<P>(&unverified, now)
    }
}

impl TokenIssuer for AwsLcTokens {
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError> {
        self.issue::<AccessPayload>(claims)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError> {
        let token = self.issue::<RefreshPayload>(claims)?;
        Ok(IssuedToken { digest: digest(token.expose()), token })
    }
}

impl TokenVerifier for AwsLcTokens {
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken> {
        self.verify::<AccessPayload>(token, now)
    }

    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken> {
        self.verify::<RefreshPayload>(token, now)
    }

    fn digest(&self, token: &PlainToken) -> TokenDigest {
        digest(token.expose())
    }
}
