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
    /// When it begins to sign. It signs until the next key begins.
    pub signs_from: OffsetDateTime,
}

/// The keys for a token adapter. There is at least one.
pub struct SigningKeys {
    /// The keys, in any order.
    pub keys: Vec<SigningKey>,
    /// Longest lifetime of a token. A key still verifies for this long after it has stopped signing.
    pub token_lifetime: Duration,
}

impl SigningKeys {
    /// Returns a set of one key, which always signs.
    pub fn of_one(pair: KeyPair) -> Self {
        let key = SigningKey { pair, signs_from: OffsetDateTime::UNIX_EPOCH };
        Self { keys: vec![key], token_lifetime: Duration::ZERO }
    }

    /// Creates the key ring of an adapter from the pairs.
    pub(super) fn ring<K: TokenKey>(&self) -> Result<KeyRing<Prepared<K>>, KeyError> {
        let prepared = |SigningKey { pair, signs_from }: &SigningKey| {
            let id = pair.public().id().to_owned();
            Ok(RingKey { id, signs_from: *signs_from, key: Prepared::new(pair)? })
        };
        let keys = self.keys.iter().map(prepared).collect::<Result<_, KeyError>>()?;
        KeyRing::new(keys, self.token_lifetime).ok_or(KeyError::NoKey)
    }
}

/// A key as an adapter uses it: the public key, the headers of its tokens, the tokens verified so far, the secret for
/// keyed hashes, and the pair as the library holds it.
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
