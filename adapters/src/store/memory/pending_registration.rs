//! In-memory pending registrations.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::kernel::{Email, StoreError, TokenDigest};
use inwren_domain::pending_registration::{
    PendingRegistration, PendingRegistrationReader, PendingRegistrationRepository, VerificationId,
};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl PendingRegistrationReader for MemoryView {
    async fn by_id(&mut self, id: VerificationId) -> Result<Option<PendingRegistration>, StoreError> {
        Ok(self.shared.snapshot().pending_registrations.get(&id).map(|found| found.as_ref().clone()))
    }

    async fn newest_of(&mut self, email: &Email) -> Result<Option<PendingRegistration>, StoreError> {
        Ok(self.shared.snapshot().registrations_of(email).pop())
    }
}

#[async_trait]
impl PendingRegistrationRepository for MemoryUnit {
    async fn insert(&mut self, registration: &PendingRegistration) -> Result<(), StoreError> {
        self.state.pending_registrations.insert(registration.id, Arc::new(registration.clone()));
        let all = self.state.registrations_of(&registration.email);
        let excess = all.len().saturating_sub(PendingRegistration::PER_ADDRESS.into());
        for oldest in all.iter().take(excess) {
            self.state.pending_registrations.remove(&oldest.id);
        }
        Ok(())
    }

    async fn count_attempt(
        &mut self,
        id: VerificationId,
        now: OffsetDateTime,
    ) -> Result<Option<PendingRegistration>, StoreError> {
        let Some(found) = self.state.pending_registrations.get(&id) else { return Ok(None) };
        if found.attempts_left <= 0 || found.code_expires_at <= now || found.expires_at <= now {
            return Ok(None);
        }
        let mut counted = found.as_ref().clone();
        counted.attempts_left -= 1;
        self.state.pending_registrations.insert(id, Arc::new(counted.clone()));
        Ok(Some(counted))
    }

    async fn renew_code(
        &mut self,
        id: VerificationId,
        round: i64,
        attempts: i16,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let found = self.state.pending_registrations.get(&id);
        let Some(found) = found.filter(|found| found.code_round == round - 1) else { return Ok(false) };
        let mut renewed = found.as_ref().clone();
        renewed.code_round = round;
        renewed.attempts_left = attempts;
        renewed.code_expires_at = expires_at;
        self.state.pending_registrations.insert(id, Arc::new(renewed));
        Ok(true)
    }

    async fn spend(
        &mut self,
        id: VerificationId,
        digest: &TokenDigest,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let found = self.state.pending_registrations.get(&id);
        let is_valid = found.is_some_and(|found| found.hashed_token == *digest && found.expires_at > now);
        if is_valid {
            self.state.pending_registrations.remove(&id);
        }
        Ok(is_valid)
    }

    async fn delete_all(&mut self, email: &Email) -> Result<u64, StoreError> {
        let all = self.state.registrations_of(email);
        for registration in &all {
            self.state.pending_registrations.remove(&registration.id);
        }
        Ok(all.len() as u64)
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = self.state.pending_registrations.values().filter(|found| found.expires_at < before);
        let ids: Vec<VerificationId> = expired.map(|found| found.id).take(limit.into()).collect();
        for id in &ids {
            self.state.pending_registrations.remove(id);
        }
        Ok(ids.len() as u64)
    }
}

impl State {
    /// Returns the registrations with this address, oldest first.
    fn registrations_of(&self, email: &Email) -> Vec<PendingRegistration> {
        let all = self.pending_registrations.values().filter(|found| found.email == *email);
        let mut all: Vec<PendingRegistration> = all.map(|found| found.as_ref().clone()).collect();
        all.sort_by_key(|found| (found.created_at, found.id));
        all
    }
}
