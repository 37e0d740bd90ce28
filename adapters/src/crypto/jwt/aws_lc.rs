use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::token::{InvalidToken, SigningError};
use serde::Serialize;

use super::envelope::{Compact, Header};
use super::key::{TokenKey, VerifyingKey};
use crate::crypto::keys::{KeyError, KeyPair, PublicKey};

/// An RSA key of AWS-LC: constant-time and hardware-accelerated.
pub struct AwsLcKey {
    private: RsaKeyPair,
    public: AwsLcPublicKey,
}

/// The public half of an [`AwsLcKey`].
pub struct AwsLcPublicKey(ParsedPublicKey);

impl AwsLcKey {
    fn signature(&self, input: &str) -> Result<Vec<u8>, SigningError> {
        let mut signature = vec![0; self.private.public_modulus_len()];
        self.private
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| SigningError("the key refused to sign"))?;
        Ok(signature)
    }
}

impl TokenKey for AwsLcKey {
    type Public = AwsLcPublicKey;

    /// Imports the pair, and checks with a signature that its halves belong together.
    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let private = RsaKeyPair::from_pkcs8(&pair.to_pkcs8_der()?).map_err(|_| KeyError::Damaged)?;
        let key = Self { private, public: AwsLcPublicKey::new(pair.public())? };
        let probe = key.signature("probe").map_err(|_| KeyError::Damaged)?;
        key.public.0.verify_sig(b"probe", &probe).map_err(|_| KeyError::Mismatch)?;
        Ok(key)
    }

    fn sign(&self, header: &Header, payload: &impl Serialize) -> Result<String, SigningError> {
        let mut token = header.signing_input(payload)?;
        let signature = self.signature(&token)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn public(&self) -> &AwsLcPublicKey {
        &self.public
    }
}

impl VerifyingKey for AwsLcPublicKey {
    fn new(key: &PublicKey) -> Result<Self, KeyError> {
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.to_pkcs1_der()?);
        parsed.map(Self).map_err(|_| KeyError::Damaged)
    }

    fn verify(&self, token: &Compact<'_>) -> Result<(), InvalidToken> {
        self.0.verify_sig(token.signed.as_bytes(), &token.signature).map_err(|_| InvalidToken::Signature)
    }
}
