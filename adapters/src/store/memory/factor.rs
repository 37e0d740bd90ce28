//! In-memory second factors.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::factor::{
    Budget, CredentialId, Factor, FactorId, FactorKind, FactorName, FactorReader, FactorRepository,
    PasskeyUse, Spent,
};
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use inwren_domain::keyring::SecretKeyId;
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl FactorReader for MemoryView {
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        Ok(self.shared.snapshot().factors_of(user))
    }

    async fn by_credential(&mut self, id: &CredentialId) -> Result<Option<Factor>, StoreError> {
        Ok(self.shared.snapshot().factor_by_credential(id).cloned())
    }

    async fn recovery_codes_left(&mut self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.shared.snapshot().recovery_codes_left(user))
    }

    async fn budgets(&mut self, user: UserId) -> Result<Vec<Spent>, StoreError> {
        let state = self.shared.snapshot();
        let budgets = Budget::ALL.into_iter().filter_map(|budget| state.budgets.get(&(user, budget)));
        Ok(budgets.copied().collect())
    }

    async fn sealed_with(&mut self, key: SecretKeyId, limit: u16) -> Result<Vec<Factor>, StoreError> {
        let state = self.shared.snapshot();
        let is_sealed = |factor: &&Factor| match &factor.kind {
            FactorKind::Totp(totp) => totp.key_id == key,
            FactorKind::Passkey(_) => false,
        };
        let sealed = state.factors.values().map(Arc::as_ref).filter(is_sealed);
        Ok(sealed.take(limit.into()).cloned().collect())
    }
}

#[async_trait]
impl FactorRepository for MemoryUnit {
    async fn of_user(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        Ok(self.state.factors_of(user))
    }

    async fn insert(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        let is_taken = self.state.has_credential_of(factor);
        if !is_taken {
            self.state.put_factor(factor.clone());
        }
        Ok(!is_taken)
    }

    async fn confirm_totp(&mut self, id: FactorId, user: UserId, step: i64) -> Result<bool, StoreError> {
        Ok(self.state.change_factor(id, user, |factor| match &mut factor.kind {
            FactorKind::Totp(totp) if !totp.is_confirmed => {
                totp.is_confirmed = true;
                totp.last_step = step;
                true
            }
            _ => false,
        }))
    }

    async fn accept_step(
        &mut self,
        id: FactorId,
        user: UserId,
        step: i64,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        Ok(self.state.change_factor(id, user, |factor| match &mut factor.kind {
            FactorKind::Totp(totp) if totp.is_confirmed && totp.last_step < step => {
                totp.last_step = step;
                factor.last_used_at = Some(at);
                true
            }
            _ => false,
        }))
    }

    async fn use_passkey(
        &mut self,
        id: FactorId,
        user: UserId,
        expected_count: u32,
        used: PasskeyUse,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        Ok(self.state.change_factor(id, user, |factor| match &mut factor.kind {
            FactorKind::Passkey(passkey) if passkey.sign_count == expected_count => {
                passkey.sign_count = used.sign_count;
                passkey.is_backed_up = used.is_backed_up;
                factor.last_used_at = Some(at);
                true
            }
            _ => false,
        }))
    }

    async fn rename(&mut self, id: FactorId, user: UserId, name: &FactorName) -> Result<bool, StoreError> {
        Ok(self.state.change_factor(id, user, |factor| {
            factor.name = Some(name.clone());
            true
        }))
    }

    async fn remove(&mut self, id: FactorId, user: UserId) -> Result<bool, StoreError> {
        Ok(self.state.delete_factors(user, |factor| factor.id == id) == 1)
    }

    async fn remove_unconfirmed(&mut self, user: UserId) -> Result<(), StoreError> {
        self.state.delete_factors(user, |factor| !factor.is_confirmed());
        Ok(())
    }

    async fn remove_all(&mut self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.state.delete_all_factors(user))
    }

    async fn reseal(
        &mut self,
        id: FactorId,
        expected: &[u8],
        key: SecretKeyId,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let Some(user) = self.state.factors.get(&id).map(|factor| factor.user_id) else { return Ok(false) };
        Ok(self.state.change_factor(id, user, |factor| match &mut factor.kind {
            FactorKind::Totp(totp) if totp.sealed_secret == expected => {
                totp.key_id = key;
                totp.sealed_secret = sealed.to_vec();
                true
            }
            _ => false,
        }))
    }

    async fn replace_recovery_codes(
        &mut self,
        user: UserId,
        digests: &[TokenDigest],
    ) -> Result<(), StoreError> {
        self.state.recovery_codes.insert(user, digests.to_vec());
        Ok(())
    }

    async fn spend_recovery_code(&mut self, user: UserId, digest: &TokenDigest) -> Result<bool, StoreError> {
        let Some(codes) = self.state.recovery_codes.get_mut(&user) else { return Ok(false) };
        let before = codes.len();
        codes.retain(|code| code != digest);
        Ok(codes.len() < before)
    }

    async fn recovery_codes_left(&mut self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.state.recovery_codes_left(user))
    }

    async fn take_code(
        &mut self,
        user: UserId,
        budget: Budget,
        now: OffsetDateTime,
    ) -> Result<Option<Spent>, StoreError> {
        let current = self.state.budgets.get(&(user, budget)).copied();
        let taken = Spent::take(budget, current, now);
        if let Some(spent) = taken {
            self.state.budgets.insert((user, budget), spent);
        }
        Ok(taken)
    }

    async fn return_code(&mut self, user: UserId, budget: Budget) -> Result<(), StoreError> {
        if let Some(spent) = self.state.budgets.get_mut(&(user, budget)) {
            spent.taken = (spent.taken - 1).max(0);
        }
        Ok(())
    }

    async fn reopen_budgets(&mut self, user: UserId, except: Option<Budget>) -> Result<(), StoreError> {
        self.state.reopen_budgets(user, except);
        Ok(())
    }
}

impl State {
    /// Returns the user's factors, oldest first.
    fn factors_of(&self, user: UserId) -> Vec<Factor> {
        let of_user = self.factors.values().filter(|factor| factor.user_id == user);
        let mut factors: Vec<Factor> = of_user.map(|factor| factor.as_ref().clone()).collect();
        factors.sort_by_key(|factor| (factor.created_at, factor.id));
        factors
    }

    fn factor_by_credential(&self, id: &CredentialId) -> Option<&Factor> {
        let has_id = |factor: &&Factor| factor.passkey().is_some_and(|passkey| passkey.credential_id == *id);
        self.factors.values().map(Arc::as_ref).find(has_id)
    }

    /// Whether a passkey has the credential id of this one.
    pub(super) fn has_credential_of(&self, factor: &Factor) -> bool {
        factor.passkey().is_some_and(|passkey| self.factor_by_credential(&passkey.credential_id).is_some())
    }

    fn recovery_codes_left(&self, user: UserId) -> u64 {
        self.recovery_codes.get(&user).map_or(0, |codes| codes.len() as u64)
    }

    pub(super) fn put_factor(&mut self, factor: Factor) {
        self.factors.insert(factor.id, Arc::new(factor));
    }

    /// Changes the user's factor with this id, if there is one and `change` returns `true`.
    fn change_factor(
        &mut self,
        id: FactorId,
        user: UserId,
        change: impl FnOnce(&mut Factor) -> bool,
    ) -> bool {
        let found = self.factors.get(&id).filter(|factor| factor.user_id == user);
        let Some(mut factor) = found.map(|factor| factor.as_ref().clone()) else { return false };
        let is_changed = change(&mut factor);
        if is_changed {
            self.put_factor(factor);
        }
        is_changed
    }

    /// Deletes the user's factors that match, and returns their number.
    fn delete_factors(&mut self, user: UserId, is_one: impl Fn(&Factor) -> bool) -> u64 {
        let matching = self.factors.values().filter(|factor| factor.user_id == user && is_one(factor));
        let ids: Vec<FactorId> = matching.map(|factor| factor.id).collect();
        for id in &ids {
            self.factors.remove(id);
        }
        ids.len() as u64
    }

    /// Deletes the user's factors, recovery codes and budgets, and returns the number of factors.
    pub(super) fn delete_all_factors(&mut self, user: UserId) -> u64 {
        self.recovery_codes.remove(&user);
        self.reopen_budgets(user, None);
        self.delete_factors(user, |_| true)
    }

    fn reopen_budgets(&mut self, user: UserId, except: Option<Budget>) {
        for budget in Budget::ALL.into_iter().filter(|budget| Some(*budget) != except) {
            self.budgets.remove(&(user, budget));
        }
    }
}
