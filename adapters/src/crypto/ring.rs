//! Key ring: several keys, of which one signs at a time.
//!
//! The state of a key depends only on the times stored with it, never on when an instance looked at it. So all
//! instances that read the same times agree without writes and without communication.

use std::sync::{Arc, PoisonError, RwLock};

use inwren_domain::token::KeyState;
use time::{Duration, OffsetDateTime};

/// A key and the time from which it signs, until the next key does.
#[derive(Clone, Debug)]
pub struct RingKey<K> {
    /// The key id.
    pub id: String,
    /// When it begins to sign.
    pub signs_from: OffsetDateTime,
    /// The key itself.
    pub key: K,
}

/// Keys in the order in which they sign. There is at least one.
pub struct KeyRing<K> {
    /// The first key, which also signs for all times before its own.
    first: RingKey<K>,
    /// The later keys, each of which signs from its time on.
    later: Vec<RingKey<K>>,
    /// Longest lifetime of a token.
    token_lifetime: Duration,
}

impl<K> KeyRing<K> {
    /// Creates a ring of these keys, given in any order. Returns `None` if there is no key.
    pub fn new(mut keys: Vec<RingKey<K>>, token_lifetime: Duration) -> Option<Self> {
        keys.sort_by(|a, b| (a.signs_from, &a.id).cmp(&(b.signs_from, &b.id)));
        let mut keys = keys.into_iter();
        Some(Self { first: keys.next()?, later: keys.collect(), token_lifetime })
    }

    /// Returns the key that signs tokens issued at this time. It depends on nothing else, so that signing the same
    /// token again after a rotation gives the same text.
    pub fn signer(&self, issued_at: OffsetDateTime) -> &RingKey<K> {
        self.later.iter().rev().find(|key| key.signs_from <= issued_at).unwrap_or(&self.first)
    }

    /// Returns the key that begins to sign last, whether it has begun or not.
    pub fn newest(&self) -> &RingKey<K> {
        self.later.last().unwrap_or(&self.first)
    }

    /// Returns the key for which `is_it` is true, if a token that it signed may still be valid. Pending keys are
    /// included, because the clock of another instance may be ahead.
    pub fn verifier(&self, now: OffsetDateTime, is_it: impl Fn(&K) -> bool) -> Option<&RingKey<K>> {
        self.published(now).map(|(key, _)| key).find(|key| is_it(&key.key))
    }

    /// Returns the keys whose tokens are valid at this time or soon will be, with their state.
    pub fn published(&self, now: OffsetDateTime) -> impl Iterator<Item = (&RingKey<K>, KeyState)> {
        self.all(now).filter_map(|(key, state, _)| Some((key, state?)))
    }

    /// Returns all keys, with their state (`None` when they are no longer published) and the end of their publication,
    /// if it is known.
    pub fn all(
        &self,
        now: OffsetDateTime,
    ) -> impl Iterator<Item = (&RingKey<K>, Option<KeyState>, Option<OffsetDateTime>)> {
        let ends = self.later.iter().map(|next| Some(next.signs_from)).chain([None]);
        let keys = std::iter::once(&self.first).chain(&self.later).zip(ends).enumerate();
        keys.map(move |(place, (key, end))| {
            let until = end.map(|end| end.saturating_add(self.token_lifetime));
            let begun = place == 0 || now >= key.signs_from;
            let state = match end {
                _ if until.is_some_and(|until| now >= until) => None,
                Some(end) if now >= end => Some(KeyState::Retired),
                _ if begun => Some(KeyState::Active),
                _ => Some(KeyState::Pending),
            };
            (key, state, until)
        })
    }
}

/// A ring that can be replaced while in use. Callers that hold the old one finish with it.
pub(super) struct SharedRing<K>(RwLock<Arc<KeyRing<K>>>);

impl<K> SharedRing<K> {
    pub(super) fn new(ring: KeyRing<K>) -> Self {
        Self(RwLock::new(Arc::new(ring)))
    }

    // A poisoned lock still holds a complete ring: only the swap happens under it.
    pub(super) fn get(&self) -> Arc<KeyRing<K>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, ring: KeyRing<K>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::DAY;

    fn at(minutes: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::minutes(minutes)
    }

    /// Returns a ring whose keys are named by the minute from which they sign.
    fn ring(minutes: &[i64]) -> KeyRing<i64> {
        let key =
            |minute: &i64| RingKey { id: format!("key-{minute}"), signs_from: at(*minute), key: *minute };
        KeyRing::new(minutes.iter().map(key).collect(), LIFETIME).unwrap()
    }

    fn states(ring: &KeyRing<i64>, minute: i64) -> Vec<(i64, KeyState)> {
        ring.published(at(minute)).map(|(key, state)| (key.key, state)).collect()
    }

    #[test]
    fn a_key_goes_from_pending_to_active_to_retired_to_gone() {
        use KeyState::{Active, Pending, Retired};
        let ring = ring(&[10, 0]);
        let day = 24 * 60;
        assert_eq!(states(&ring, 9), [(0, Active), (10, Pending)]);
        assert_eq!(states(&ring, 10), [(0, Retired), (10, Active)]);
        assert_eq!(states(&ring, 9 + day), [(0, Retired), (10, Active)]);
        assert_eq!(states(&ring, 10 + day), [(10, Active)]);
    }

    #[test]
    fn what_signs_depends_on_the_time_of_issue_alone() {
        let ring = ring(&[0, 10, 20]);
        let signer = |minute| ring.signer(at(minute)).key;
        assert_eq!([-5, 0, 9, 10, 19, 20, 99_999].map(signer), [0, 0, 0, 10, 10, 20, 20]);
    }

    #[test]
    fn the_first_key_signs_before_its_time_too() {
        let ring = ring(&[10]);
        assert_eq!(ring.signer(at(0)).key, 10);
        assert_eq!(states(&ring, 0), [(10, KeyState::Active)]);
    }

    #[test]
    fn the_newest_key_is_the_last_to_sign_whatever_the_time() {
        assert_eq!(ring(&[0]).newest().key, 0);
        assert_eq!(ring(&[20, 0, 10]).newest().key, 20);
    }

    #[test]
    fn a_token_is_verified_with_its_own_key_or_none() {
        let ring = ring(&[0, 10]);
        let verifier = |minute, now| ring.verifier(now, |key| *key == minute).map(|key| key.key);
        assert_eq!(verifier(10, at(0)), Some(10));
        assert_eq!(verifier(0, at(10)), Some(0));
        assert_eq!(verifier(0, at(10) + LIFETIME), None);
        assert_eq!(verifier(5, at(0)), None);
    }

    #[test]
    fn how_long_a_key_is_published_is_known_once_another_follows() {
        let ring = ring(&[0, 10]);
        let until: Vec<Option<OffsetDateTime>> = ring.all(at(99_999)).map(|(_, _, until)| until).collect();
        assert_eq!(until, [Some(at(10) + LIFETIME), None]);
        let states: Vec<Option<KeyState>> = ring.all(at(99_999)).map(|(_, state, _)| state).collect();
        assert_eq!(states, [None, Some(KeyState::Active)]);
    }

    #[test]
    fn an_empty_ring_is_none() {
        assert!(KeyRing::<i64>::new(Vec::new(), LIFETIME).is_none());
    }
}
