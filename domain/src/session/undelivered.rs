use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::Rotation;
use crate::kernel::TokenDigest;

/// Maximum number of attempts to remember, in some ten megabytes. A further one replaces the oldest.
const CAPACITY: usize = 65_536;

/// Rotations whose response may not have reached the client: the store failed, or the request was dropped because the
/// client closed its connection. The store may have made such a rotation all the same.
///
/// When the client retries, [`Rotation::undelivered`] keeps the store from treating the retry as theft. Theft is still
/// detected when the successor is used: outside the store, a rotation without a response never happened.
///
/// The list is in the memory of one instance, and is lost with its process.
#[derive(Debug, Default)]
pub struct UndeliveredRotations(Mutex<Attempts>);

type Digest = [u8; 32];

#[derive(Debug, Default)]
struct Attempts {
    /// The successors that were issued for a presented token.
    successors: BTreeMap<Digest, Vec<TokenDigest>>,
    /// Every attempt up to the capacity, including those whose response was delivered since.
    oldest_first: VecDeque<Made>,
}

#[derive(Debug)]
struct Made {
    presented: Digest,
    successor: TokenDigest,
    expires_at: OffsetDateTime,
}

impl UndeliveredRotations {
    /// The successors that were issued for this token and may not have been delivered. Usually empty.
    pub(super) fn successors_of(&self, presented: &TokenDigest) -> Vec<TokenDigest> {
        self.attempts().successors.get(presented.as_bytes()).cloned().unwrap_or_default()
    }

    /// Starts an attempt. It is remembered unless its outcome becomes known.
    pub(super) fn attempt(&self, rotation: &Rotation) -> Attempt<'_> {
        Attempt {
            undelivered: self,
            presented: rotation.presented,
            successor: rotation.hashed_refresh_token,
            at: rotation.at,
            expires_at: rotation.expires_at,
            is_settled: false,
        }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempts {
    fn remember(&mut self, attempt: &Attempt<'_>) {
        while let Some(oldest) = self.oldest_first.front() {
            if self.oldest_first.len() < CAPACITY && oldest.expires_at > attempt.at {
                break;
            }
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.remove(&oldest);
            }
        }
        let made = Made {
            presented: *attempt.presented.as_bytes(),
            successor: attempt.successor,
            expires_at: attempt.expires_at,
        };
        self.successors.entry(made.presented).or_default().push(made.successor);
        self.oldest_first.push_back(made);
    }

    fn remove(&mut self, made: &Made) {
        if let Some(successors) = self.successors.get_mut(&made.presented) {
            successors.retain(|successor| *successor != made.successor);
            if successors.is_empty() {
                self.successors.remove(&made.presented);
            }
        }
    }
}

/// A rotation in progress.
pub(crate) struct Attempt<'a> {
    undelivered: &'a UndeliveredRotations,
    presented: TokenDigest,
    successor: TokenDigest,
    at: OffsetDateTime,
    expires_at: OffsetDateTime,
    is_settled: bool,
}

impl Attempt<'_> {
    /// Settles the attempt: the store has reported that it made no rotation.
    pub(super) fn refused(mut self) {
        self.is_settled = true;
    }

    /// Settles the attempt: the client gets the live token, so the presented one counts as used from now on.
    pub(crate) fn delivered(mut self) {
        self.is_settled = true;
        self.undelivered.attempts().successors.remove(self.presented.as_bytes());
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.undelivered.attempts().remember(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::{ClientInfo, SessionId, TokenId, UserId};

    fn digest(number: usize) -> TokenDigest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TokenDigest::from_bytes(bytes)
    }

    fn rotation(presented: usize, successor: usize, at: OffsetDateTime) -> Rotation {
        Rotation {
            session_id: SessionId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            presented: digest(presented),
            generation: 1,
            refresh_jti: TokenId::from_stored(String::new()),
            hashed_refresh_token: digest(successor),
            expires_at: at + Duration::DAY,
            at,
            reuse_grace: Duration::ZERO,
            undelivered: Vec::new(),
            client: ClientInfo::default(),
        }
    }

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn an_unsettled_attempt_is_remembered_until_delivery() {
        let undelivered = UndeliveredRotations::default();
        drop(undelivered.attempt(&rotation(1, 11, START)));
        drop(undelivered.attempt(&rotation(1, 12, START)));
        drop(undelivered.attempt(&rotation(2, 21, START)));
        undelivered.attempt(&rotation(1, 13, START)).refused();
        assert_eq!(undelivered.successors_of(&digest(1)), [digest(11), digest(12)]);
        undelivered.attempt(&rotation(1, 14, START)).delivered();
        assert_eq!(undelivered.successors_of(&digest(1)), []);
        assert_eq!(undelivered.successors_of(&digest(2)), [digest(21)]);
    }

    #[test]
    fn the_memory_is_bounded_by_number_and_by_time() {
        let undelivered = UndeliveredRotations::default();
        for number in 0..CAPACITY + 10 {
            drop(undelivered.attempt(&rotation(number / 2, number, START)));
        }
        assert_eq!(undelivered.attempts().oldest_first.len(), CAPACITY);
        assert_eq!(undelivered.successors_of(&digest(4)), []);
        assert_eq!(undelivered.successors_of(&digest(5)), [digest(10), digest(11)]);
        drop(undelivered.attempt(&rotation(1, 1, START + Duration::DAY)));
        let attempts = undelivered.attempts();
        assert_eq!((attempts.oldest_first.len(), attempts.successors.len()), (1, 1));
    }
}
