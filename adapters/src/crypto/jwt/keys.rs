use time::{Duration, OffsetDateTime};

use crate::crypto::keys::{KeyError, KeyPair};
use crate::crypto::ring::{KeyRing, Prepared, RingKey};

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
    pub(super) fn ring<K>(
        &self,
        prepare: impl Fn(&KeyPair) -> Result<K, KeyError>,
    ) -> Result<KeyRing<Prepared<K>>, KeyError> {
        let prepared = |key: &SigningKey| {
            let public = key.pair.public().clone();
            let (id, signs_from) = (public.id().to_owned(), key.signs_from);
            Ok(RingKey { id, signs_from, key: Prepared { public, key: prepare(&key.pair)? } })
        };
        let keys = self.keys.iter().map(prepared).collect::<Result<_, KeyError>>()?;
        KeyRing::new(keys, self.token_lifetime).ok_or(KeyError::NoKey)
    }
}
