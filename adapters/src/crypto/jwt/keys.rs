use time::{Duration, OffsetDateTime};

use super::envelope::Headers;
use super::key::TokenKey;
use super::verified::VerifiedTokens;
use crate::crypto::keyed_hash::HashSecret;
use crate::crypto::keys::{KeyError, KeyPair, PublicKey};
use crate::crypto::ring::{KeyRing, RingKey};

/// A key pair and the time from which it signs.
pub struct SigningKey {
    /// The pair.
    pub pair: KeyPair,
    /// When it begins to sign; it goes on until the next one begins.
    pub signs_from: OffsetDateTime,
}

/// The keys that a token adapter is to work with. There is always one.
pub struct SigningKeys {
    /// The keys, in any order.
    pub keys: Vec<SigningKey>,
    /// How long a token may be good that was signed at the last moment: for so long a key verifies that signs no more.
    pub token_lifetime: Duration,
}

impl SigningKeys {
    /// One key, which signs always.
    pub fn of_one(pair: KeyPair) -> Self {
        let key = SigningKey { pair, signs_from: OffsetDateTime::UNIX_EPOCH };
        Self { keys: vec![key], token_lifetime: Duration::ZERO }
    }

    /// Makes the ring of an adapter, which turns each pair into what it signs with.
    pub(super) fn ring<K: TokenKey>(&self) -> Result<KeyRing<Prepared<K>>, KeyError> {
        let prepared = |SigningKey { pair, signs_from }: &SigningKey| {
            let id = pair.public().id().to_owned();
            Ok(RingKey { id, signs_from: *signs_from, key: Prepared::new(pair)? })
        };
        let keys = self.keys.iter().map(prepared).collect::<Result<_, KeyError>>()?;
        KeyRing::new(keys, self.token_lifetime).ok_or(KeyError::NoKey)
    }
}

/// What an adapter works with: the public key, what its tokens begin with, which of them it has seen, the secret of
/// keyed hashes, and what the library has made of the pair.
pub(super) struct Prepared<K> {
    pub(super) public: PublicKey,
    pub(super) headers: Headers,
    pub(super) verified: VerifiedTokens,
    pub(super) secret: HashSecret,
    pub(super) key: K,
}

impl<K: TokenKey> Prepared<K> {
    fn new(pair: &KeyPair) -> Result<Self, KeyError> {
        let public = pair.public().clone();
        let secret = HashSecret::derive(pair)?;
        let headers = Headers::new(public.id());
        Ok(Self { public, headers, verified: VerifiedTokens::default(), secret, key: K::new(pair)? })
    }
}
