//! In-memory challenges.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::challenge::{
    Challenge, ChallengeId, ChallengePurpose, ChallengeReader, ChallengeRepository,
};
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl ChallengeReader for MemoryView {
    async fn by_digest(
        &mut self,
        digest: &TokenDigest,
        purpose: ChallengePurpose,
    ) -> Result<Option<Challenge>, StoreError> {
        let state = self.shared.snapshot();
        let mut all = state.challenges.values().map(Arc::as_ref);
        Ok(all.find(|found| found.digest == *digest && found.purpose == purpose).cloned())
    }
}

#[async_trait]
impl ChallengeRepository for MemoryUnit {
    async fn insert(&mut self, challenge: &Challenge) -> Result<(), StoreError> {
        self.state.challenges.insert(challenge.id, Arc::new(challenge.clone()));
        Ok(())
    }

    async fn take_attempt(
        &mut self,
        id: ChallengeId,
        now: OffsetDateTime,
    ) -> Result<Option<i16>, StoreError> {
        let found = self.state.challenges.get(&id);
        let Some(found) = found.filter(|found| found.attempts_left > 0 && found.expires_at > now) else {
            return Ok(None);
        };
        let mut taken = found.as_ref().clone();
        taken.attempts_left -= 1;
        let left = taken.attempts_left;
        self.state.challenges.insert(id, Arc::new(taken));
        Ok(Some(left))
    }

    async fn spend(&mut self, id: ChallengeId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let is_valid = self.state.challenges.get(&id).is_some_and(|found| found.expires_at > now);
        if is_valid {
            self.state.challenges.remove(&id);
        }
        Ok(is_valid)
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = self.state.challenges.values().filter(|found| found.expires_at < before);
        let ids: Vec<ChallengeId> = expired.map(|found| found.id).take(limit.into()).collect();
        for id in &ids {
            self.state.challenges.remove(id);
        }
        Ok(ids.len() as u64)
    }
}

impl State {
    /// Deletes the user's challenges.
    pub(super) fn delete_challenges(&mut self, user: UserId) {
        let of_user = self.challenges.values().filter(|challenge| challenge.user_id == Some(user));
        let ids: Vec<ChallengeId> = of_user.map(|challenge| challenge.id).collect();
        for id in ids {
            self.challenges.remove(&id);
        }
    }
}
