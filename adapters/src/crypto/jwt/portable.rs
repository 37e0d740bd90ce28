use inwren_domain::token::{InvalidToken, SigningError};
use jwt_simple::algorithms::{RS256KeyPair, RS256PublicKey, RSAKeyPairLike, RSAPublicKeyLike};
use jwt_simple::claims::{JWTClaims, NoCustomClaims};
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude::{Duration, UnixTimeStamp};
use serde::Serialize;

use super::envelope::{Compact, Header, MAX_TOKEN_BYTES};
use super::key::TokenKey;
use crate::crypto::keys::{KeyError, KeyPair};

/// A key of jwt-simple, in pure Rust: the independent check of the other.
///
/// The library accepts more than this service does (its own clock with 15 minutes of tolerance, optional times, a
/// missing type, an empty `crit`, a megabyte of token). So it is asked for the signature alone: the header has been
/// compared before, and the claims are judged after.
pub struct PortableKey {
    private: RS256KeyPair,
    public: RS256PublicKey,
}

impl TokenKey for PortableKey {
    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let kid = pair.public().id();
        let private =
            RS256KeyPair::from_pem(&pair.to_pem()?).map_err(|_| KeyError::Damaged)?.with_key_id(kid);
        let public = RS256PublicKey::from_pem(&pair.public().to_pem()?).map_err(|_| KeyError::Damaged)?;
        Ok(Self { private, public })
    }

    fn sign(&self, header: &Header, payload: &impl Serialize) -> Result<String, SigningError> {
        // Every claim stands in the payload, in our order; the library has names of its own for some of them.
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

    fn verify(&self, token: &Compact<'_>) -> Result<(), InvalidToken> {
        // At the beginning of time nothing has expired yet, and all lies in the future.
        let options = VerificationOptions {
            accept_future: true,
            artificial_time: Some(UnixTimeStamp::from_secs(0)),
            time_tolerance: Some(Duration::from_secs(0)),
            max_token_length: Some(MAX_TOKEN_BYTES),
            ..VerificationOptions::default()
        };
        match self.public.verify_token::<NoCustomClaims>(token.token, Some(options)) {
            Ok(_) => Ok(()),
            Err(error) if is_bad_signature(&error) => Err(InvalidToken::Signature),
            // Well signed, but not even what the library takes for claims.
            Err(_) => Err(InvalidToken::Claims),
        }
    }
}

fn is_bad_signature(error: &jwt_simple::Error) -> bool {
    matches!(error.downcast_ref(), Some(jwt_simple::JWTError::InvalidSignature))
}
