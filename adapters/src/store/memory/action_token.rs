//! In-memory action tokens.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::action_token::{
    ActionToken, ActionTokenId, ActionTokenReader, ActionTokenRepository, Purpose,
};
use inwren_domain::kernel::{Email, StoreError, TokenDigest, UserId};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl ActionTokenReader for MemoryView {
    async fn by_id(&mut self, id: ActionTokenId) -> Result<Option<ActionToken>, StoreError> {
        Ok(self.shared.snapshot().action_tokens.get(&id).map(|token| token.as_ref().clone()))
    }

    async fn newest_of(&mut self, user: UserId, purpose: Purpose) -> Result<Option<ActionToken>, StoreError> {
        let state = self.shared.snapshot();
        let of_purpose = state.action_tokens_of(user).filter(|token| token.purpose == purpose);
        Ok(of_purpose.max_by_key(|token| (token.created_at, token.id)).cloned())
    }
}

#[async_trait]
impl ActionTokenRepository for MemoryUnit {
    async fn insert(&mut self, token: &ActionToken) -> Result<(), StoreError> {
        if token.purpose != Purpose::UndoEmail {
            self.state.delete_action_tokens(token.user_id, |other| other.purpose == token.purpose);
        }
        self.state.action_tokens.insert(token.id, Arc::new(token.clone()));
        Ok(())
    }

    async fn spend(
        &mut self,
        id: ActionTokenId,
        digest: &TokenDigest,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let found = self.state.action_tokens.get(&id);
        let is_valid = found.is_some_and(|token| token.hashed_token == *digest && token.expires_at > now);
        if is_valid {
            self.state.action_tokens.remove(&id);
        }
        Ok(is_valid)
    }

    async fn count_code(
        &mut self,
        id: ActionTokenId,
        now: OffsetDateTime,
    ) -> Result<Option<i16>, StoreError> {
        let found = self.state.action_tokens.get(&id);
        let is_open = |token: &&Arc<ActionToken>| {
            token.wrong_codes < ActionToken::WRONG_CODES && token.expires_at > now
        };
        let Some(token) = found.filter(is_open) else { return Ok(None) };
        let mut counted = token.as_ref().clone();
        counted.wrong_codes += 1;
        let left = ActionToken::WRONG_CODES - counted.wrong_codes;
        self.state.action_tokens.insert(id, Arc::new(counted));
        Ok(Some(left))
    }

    async fn void(&mut self, user: UserId, purpose: Purpose) -> Result<u64, StoreError> {
        Ok(self.state.delete_action_tokens(user, |token| token.purpose == purpose))
    }

    async fn take_expired(
        &mut self,
        purpose: Purpose,
        now: OffsetDateTime,
        limit: u16,
    ) -> Result<Vec<ActionToken>, StoreError> {
        let is_expired = |token: &&ActionToken| token.purpose == purpose && token.expires_at < now;
        let expired = self.state.action_tokens.values().map(Arc::as_ref).filter(is_expired);
        let mut taken: Vec<ActionToken> = expired.cloned().collect();
        taken.sort_by_key(|token| (token.expires_at, token.id));
        taken.truncate(limit.into());
        for token in &taken {
            self.state.action_tokens.remove(&token.id);
        }
        Ok(taken)
    }

    async fn void_all(&mut self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.state.delete_action_tokens(user, |token| token.purpose != Purpose::UndoEmail))
    }

    async fn void_undo_after(&mut self, user: UserId, after: OffsetDateTime) -> Result<u64, StoreError> {
        let is_later = |token: &ActionToken| token.purpose == Purpose::UndoEmail && token.created_at > after;
        Ok(self.state.delete_action_tokens(user, is_later))
    }

    async fn is_reserved(
        &mut self,
        email: &Email,
        except: UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        Ok(self.state.action_tokens.values().any(|token| {
            token.purpose == Purpose::UndoEmail
                && token.user_id != except
                && token.email == *email
                && token.expires_at > now
        }))
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let expired = self
            .state
            .action_tokens
            .values()
            .filter(|token| token.expires_at < before && token.purpose != Purpose::KeepFactors);
        let ids: Vec<ActionTokenId> = expired.map(|token| token.id).take(limit.into()).collect();
        for id in &ids {
            self.state.action_tokens.remove(id);
        }
        Ok(ids.len() as u64)
    }
}

impl State {
    fn action_tokens_of(&self, user: UserId) -> impl Iterator<Item = &ActionToken> {
        self.action_tokens.values().map(Arc::as_ref).filter(move |token| token.user_id == user)
    }

    /// Deletes the user's tokens that match, and returns their number.
    pub(super) fn delete_action_tokens(
        &mut self,
        user: UserId,
        is_one: impl Fn(&ActionToken) -> bool,
    ) -> u64 {
        let matching = self.action_tokens_of(user).filter(|token| is_one(token));
        let ids: Vec<ActionTokenId> = matching.map(|token| token.id).collect();
        for id in &ids {
            self.action_tokens.remove(id);
        }
        ids.len() as u64
    }
}
