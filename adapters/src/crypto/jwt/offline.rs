use inwren_domain::token::{AccessClaims, InvalidToken};
use time::OffsetDateTime;

use super::envelope::{Compact, Headers, TokenType};
use super::format::TokenFormat;
use super::key::{TokenKey, VerifyingKey as _};
use super::tokens::claims;
use crate::crypto::keys::{KeyError, PublicKey};

/// Verifies access tokens of users with public keys only, as another service does. It makes the same checks as
/// [`Tokens`](super::Tokens), and knows neither the private keys nor the sessions.
pub struct OfflineVerifier<K: TokenKey> {
    format: TokenFormat,
    keys: Vec<(Headers, K::Public)>,
}

impl<K: TokenKey> OfflineVerifier<K> {
    /// Verifies tokens of this format with these keys.
    pub fn new(format: TokenFormat, keys: &[PublicKey]) -> Result<Self, KeyError> {
        let import = |key: &PublicKey| Ok((Headers::new(key.id()), K::Public::new(key)?));
        Ok(Self { format, keys: keys.iter().map(import).collect::<Result<_, KeyError>>()? })
    }

    /// Checks the signature of a token and then its claims.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken> {
        let token = Compact::parse(token)?;
        let mut keys = self.keys.iter();
        let known = keys.find(|(headers, _)| headers.of(TokenType::Access).encoded == token.header);
        let (_, key) = known.ok_or_else(|| token.foreign_header())?;
        key.verify(&token)?;
        let claims: AccessClaims = claims(&self.format, token.payload, now)?;
        let is_for_another = claims.application.as_ref().is_some_and(|client| client.resource.is_some());
        // The audience is the issuer or another resource server, not this service.
        if claims.is_for_enrolment || is_for_another { Err(InvalidToken::Claims) } else { Ok(claims) }
    }
}
