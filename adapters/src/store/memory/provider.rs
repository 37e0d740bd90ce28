//! In-memory authorization codes and consents.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use inwren_domain::provider::{
    AuthorizationCode, AuthorizationCodeId, AuthorizationCodeReader, AuthorizationCodeRepository, Consent,
    ConsentReader, ConsentRepository,
};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl AuthorizationCodeReader for MemoryView {
    async fn by_digest(&mut self, digest: &TokenDigest) -> Result<Option<AuthorizationCode>, StoreError> {
        let state = self.shared.snapshot();
        let mut all = state.authorization_codes.values().map(Arc::as_ref);
        Ok(all.find(|code| code.digest == *digest).cloned())
    }
}

#[async_trait]
impl AuthorizationCodeRepository for MemoryUnit {
    async fn insert(&mut self, code: &AuthorizationCode) -> Result<(), StoreError> {
        self.state.put_code(code.clone());
        Ok(())
    }

    async fn spend(&mut self, id: AuthorizationCodeId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let Some(code) = self.state.authorization_codes.get(&id).map(|code| code.as_ref().clone()) else {
            return Ok(false);
        };
        let is_valid = code.spent_at.is_none() && code.attempts_left > 0 && code.expires_at > now;
        if is_valid {
            self.state.put_code(AuthorizationCode { spent_at: Some(now), ..code });
        }
        Ok(is_valid)
    }

    async fn count_wrong(&mut self, id: AuthorizationCodeId) -> Result<(), StoreError> {
        let found = self.state.authorization_codes.get(&id).filter(|code| code.attempts_left > 0);
        if let Some(mut counted) = found.map(|code| code.as_ref().clone()) {
            counted.attempts_left -= 1;
            self.state.put_code(counted);
        }
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = self.state.authorization_codes.values().filter(|code| code.expires_at < before);
        let ids: Vec<AuthorizationCodeId> = expired.map(|code| code.id).take(limit.into()).collect();
        for id in &ids {
            self.state.authorization_codes.remove(id);
        }
        Ok(ids.len() as u64)
    }
}

#[async_trait]
impl ConsentReader for MemoryView {
    async fn of(&mut self, user: UserId, client: ClientUid) -> Result<Option<Consent>, StoreError> {
        Ok(self.shared.snapshot().consents.get(&(user, client)).map(|consent| consent.as_ref().clone()))
    }

    async fn of_user(&mut self, user: UserId) -> Result<Vec<Consent>, StoreError> {
        let state = self.shared.snapshot();
        let of_user = state.consents.values().filter(|consent| consent.user_id == user);
        let mut consents: Vec<Consent> = of_user.map(|consent| consent.as_ref().clone()).collect();
        consents.sort_by_key(|consent| (consent.created_at, consent.client));
        Ok(consents)
    }
}

#[async_trait]
impl ConsentRepository for MemoryUnit {
    async fn current(&mut self, user: UserId, client: ClientUid) -> Result<Option<Consent>, StoreError> {
        Ok(self.state.consents.get(&(user, client)).map(|consent| consent.as_ref().clone()))
    }

    async fn put(&mut self, consent: &Consent) -> Result<(), StoreError> {
        let key = (consent.user_id, consent.client);
        let created_at = self.state.consents.get(&key).map_or(consent.created_at, |former| former.created_at);
        self.state.consents.insert(key, Arc::new(Consent { created_at, ..consent.clone() }));
        Ok(())
    }

    async fn delete(&mut self, user: UserId, client: ClientUid) -> Result<bool, StoreError> {
        Ok(self.state.consents.remove(&(user, client)).is_some())
    }
}

impl State {
    fn put_code(&mut self, code: AuthorizationCode) {
        self.authorization_codes.insert(code.id, Arc::new(code));
    }

    /// Deletes the codes that match.
    pub(super) fn delete_codes(&mut self, matches: impl Fn(&AuthorizationCode) -> bool) {
        let matching = self.authorization_codes.values().filter(|code| matches(code));
        let ids: Vec<AuthorizationCodeId> = matching.map(|code| code.id).collect();
        for id in &ids {
            self.authorization_codes.remove(id);
        }
    }

    /// Deletes the consents that match.
    pub(super) fn delete_consents(&mut self, matches: impl Fn(&Consent) -> bool) {
        let matching = self.consents.values().filter(|consent| matches(consent));
        let keys: Vec<_> = matching.map(|consent| (consent.user_id, consent.client)).collect();
        for key in &keys {
            self.consents.remove(key);
        }
    }
}
