use inwren_domain::token::{InvalidToken, SigningError};
use jwt_simple::algorithms::{RS256KeyPair, RS256PublicKey, RSAKeyPairLike, RSAPublicKeyLike};
use jwt_simple::claims::{JWTClaims, NoCustomClaims};
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude::{Duration, UnixTimeStamp};
use serde::Serialize;

use super::envelope::{Compact, Header, MAX_TOKEN_BYTES};
use super::key::{TokenKey, VerifyingKey};
use crate::crypto::keys::{KeyError, KeyPair, PublicKey};

/// An RSA key of jwt-simple, in pure Rust: an independent check of the other adapter.
///
/// The library accepts more than this service does (its own clock with 15 minutes of tolerance, optional times, a
/// missing type, an empty `crit`, tokens of a megabyte). So it checks only the signature: the caller compares the
/// header before and checks the claims afterwards.
pub struct PortableKey {
    private: RS256KeyPair,
    public: PortablePublicKey,
}

/// The public half of a [`PortableKey`].
pub struct PortablePublicKey(RS256PublicKey);

impl TokenKey for PortableKey {
    type Public = PortablePublicKey;

    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let kid = pair.public().id();
        let private =
            RS256KeyPair::from_pem(&pair.to_pem()?).map_err(|_| KeyError::Damaged)?.with_key_id(kid);
        Ok(Self { private, public: PortablePublicKey::new(pair.public())? })
    }

    fn sign(&self, header: &Header, payload: &impl Serialize) -> Result<String, SigningError> {
        // The payload contains all claims, in our order. The library has its own names for some of them.
        let claims = JWTClaims {
            issued_at: None,
            expires_at: None,
            invalid_before: None,
            issuer: None,
            subject: None,
            audiences: None,
            jwt_id: None,
            nonce: None,
            custom: payload,
        };
        let options = HeaderOptions { content_type: None, signature_type: Some(header.typ.to_owned()) };
        self.private.sign_with_options(claims, &options).map_err(|_| SigningError("the key refused to sign"))
    }

    fn public(&self) -> &PortablePublicKey {
        &self.public
    }
}

impl VerifyingKey for PortablePublicKey {
    fn new(key: &PublicKey) -> Result<Self, KeyError> {
        RS256PublicKey::from_pem(&key.to_pem()?).map(Self).map_err(|_| KeyError::Damaged)
    }

    fn verify(&self, token: &Compact<'_>) -> Result<(), InvalidToken> {
        // At time zero no token has expired, and every issue time lies in the future.
        let options = VerificationOptions {
            accept_future: true,
            artificial_time: Some(UnixTimeStamp::from_secs(0)),
            time_tolerance: Some(Duration::from_secs(0)),
            max_token_length: Some(MAX_TOKEN_BYTES),
            ..VerificationOptions::default()
        };
        match self.0.verify_token::<NoCustomClaims>(token.token, Some(options)) {
            Ok(_) => Ok(()),
            Err(error) if is_bad_signature(&error) => Err(InvalidToken::Signature),
            // The signature is valid, but the library cannot parse the payload as claims.
            Err(_) => Err(InvalidToken::Claims),
        }
    }
}

fn is_bad_signature(error: &jwt_simple::Error) -> bool {
    matches!(error.downcast_ref(), Some(jwt_simple::JWTError::InvalidSignature))
}
