use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Challenge, ChallengeId, ChallengePurpose};
use crate::kernel::{StoreError, TokenDigest};

/// Reads challenges.
#[async_trait]
pub trait ChallengeReader: Send {
    /// The challenge with this digest and purpose. It may have expired.
    async fn by_digest(
        &mut self,
        digest: &TokenDigest,
        purpose: ChallengePurpose,
    ) -> Result<Option<Challenge>, StoreError>;
}

/// Writes challenges. The user's deletion MUST delete them.
#[async_trait]
pub trait ChallengeRepository: Send {
    /// Adds a challenge.
    async fn insert(&mut self, challenge: &Challenge) -> Result<(), StoreError>;

    /// Takes one attempt, if one is left and the challenge is valid after `now`, and returns how many are left then. If
    /// not, it MUST change nothing and return `None`. Of many concurrent calls exactly as many as there are attempts
    /// MUST succeed.
    async fn take_attempt(&mut self, id: ChallengeId, now: OffsetDateTime)
    -> Result<Option<i16>, StoreError>;

    /// Spends a challenge: deletes it, if it is valid after `now`. If not, it MUST change nothing and return `false`.
    /// Of many concurrent calls exactly one MUST return `true`.
    async fn spend(&mut self, id: ChallengeId, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Deletes at most `limit` challenges that expired before `before`, and returns their number. If sweeps run
    /// concurrently, exactly one MUST delete and count each challenge; in a store with several writers, a sweep MUST
    /// skip what another sweep is deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
