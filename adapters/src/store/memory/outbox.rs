//! The in-memory outbox.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::User;
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{AgeCursor, ClientInfo, Email, Page, PageRequest, SessionId, StoreError, UserId};
use inwren_domain::outbox::{
    ClaimId, Delivery, Letter, LetterCursor, LetterId, LetterKind, LetterState, LogoutsOf, OutboxFigures,
    OutboxReader, OutboxRepository,
};
use inwren_domain::session::Session;
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl OutboxReader for MemoryView {
    async fn page(
        &mut self,
        state: Option<LetterState>,
        page: PageRequest<LetterCursor>,
    ) -> Result<Page<Letter, LetterCursor>, StoreError> {
        let snapshot = self.shared.snapshot();
        let end = page.after.map_or(Bound::Unbounded, |after| Bound::Excluded((after.created_at, after.id)));
        let older = snapshot.outbox.range((Bound::Unbounded, end)).rev().map(|(_, letter)| letter.as_ref());
        let matching = older.filter(|letter| state.is_none_or(|state| letter.state == state));
        let found = matching.take(usize::from(page.limit()) + 1).cloned().collect();
        Ok(Page::from_one_more(found, page.limit(), AgeCursor::after_letter))
    }

    async fn was_delivered(
        &mut self,
        kind: LetterKind,
        recipient: &Email,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        Ok(self.shared.snapshot().outbox.values().any(|letter| {
            letter.kind == kind
                && letter.recipient == *recipient
                && letter.state == LetterState::Delivered
                && letter.created_at > since
        }))
    }

    async fn figures(&mut self) -> Result<OutboxFigures, StoreError> {
        let snapshot = self.shared.snapshot();
        let is_waiting = |letter: &&Arc<Letter>| letter.state.is_waiting() && letter.kind.is_letter();
        let oldest_waiting = snapshot.outbox.values().find(is_waiting).map(|letter| letter.created_at);
        let mut counts = HashMap::new();
        for letter in snapshot.outbox.values().filter(|letter| letter.state != LetterState::Delivered) {
            *counts.entry((letter.kind, letter.state)).or_insert(0) += 1;
        }
        let letters = counts.into_iter().map(|((kind, state), count)| (kind, state, count)).collect();
        Ok(OutboxFigures { oldest_waiting, letters })
    }
}

#[async_trait]
impl OutboxRepository for MemoryUnit {
    async fn insert(&mut self, letter: &Letter) -> Result<(), StoreError> {
        self.state.put_letter(letter.clone());
        Ok(())
    }

    async fn insert_once_since(
        &mut self,
        letter: &Letter,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let is_another = |other: &Arc<Letter>| {
            other.kind == letter.kind && other.user_id == letter.user_id && other.created_at > since
        };
        if self.state.outbox.values().any(is_another) {
            return Ok(false);
        }
        self.state.put_letter(letter.clone());
        Ok(true)
    }

    async fn queue_logouts(
        &mut self,
        of: LogoutsOf,
        user: UserId,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let Some(user) = self.state.user(user).cloned() else { return Ok(0) };
        let letters = self.state.logouts(of, &user, at);
        let count = letters.len() as u64;
        for letter in letters {
            self.state.put_letter(letter);
        }
        Ok(count)
    }

    async fn claim(
        &mut self,
        claim: ClaimId,
        now: OffsetDateTime,
        until: OffsetDateTime,
        limit: u16,
        delivery: Delivery,
    ) -> Result<Vec<Letter>, StoreError> {
        let is_due = |letter: &&Arc<Letter>| {
            delivery.includes(letter.kind) && letter.state.is_waiting() && letter.next_attempt_at <= now
        };
        let due = self.state.outbox.values().filter(is_due);
        let mut due: Vec<Letter> = due.map(|letter| letter.as_ref().clone()).collect();
        due.sort_by_key(|letter| (letter.next_attempt_at, letter.id));
        due.truncate(limit.into());
        for letter in &mut due {
            letter.state = LetterState::Sending;
            letter.claim = Some(claim);
            letter.attempts = letter.attempts.saturating_add(1);
            letter.next_attempt_at = until;
            self.state.put_letter(letter.clone());
        }
        Ok(due)
    }

    async fn prolong(
        &mut self,
        id: LetterId,
        claim: ClaimId,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Some(mut letter) = self.state.claimed_letter(id, claim) else { return Ok(false) };
        letter.next_attempt_at = until;
        self.state.put_letter(letter);
        Ok(true)
    }

    async fn update(&mut self, letter: &Letter, claim: ClaimId) -> Result<bool, StoreError> {
        let is_claimed = self.state.claimed_letter(letter.id, claim).is_some();
        if is_claimed {
            let claim = letter.claim.filter(|_| letter.state == LetterState::Sending);
            self.state.put_letter(Letter { claim, ..letter.clone() });
        }
        Ok(is_claimed)
    }

    async fn delete(&mut self, id: LetterId, claim: ClaimId) -> Result<bool, StoreError> {
        let Some(letter) = self.state.claimed_letter(id, claim) else { return Ok(false) };
        self.state.outbox.remove(&(letter.created_at, id));
        Ok(true)
    }

    async fn revive(
        &mut self,
        id: LetterId,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let dead = self.state.letter(id).filter(|letter| letter.state == LetterState::Dead);
        let Some(letter) = dead.cloned() else { return Ok(false) };
        let state = LetterState::Pending;
        self.state.put_letter(Letter { state, attempts: 0, next_attempt_at: now, expires_at, ..letter });
        Ok(true)
    }

    async fn mark_address(
        &mut self,
        user: UserId,
        address: &Email,
        undeliverable_at: Option<OffsetDateTime>,
    ) -> Result<(), StoreError> {
        if let Some(found) = self.state.user(user).filter(|user| user.email == *address).cloned() {
            self.state.put_user(User { email_undeliverable_at: undeliverable_at, ..found });
        }
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let old = self
            .state
            .outbox
            .values()
            .filter(|letter| !letter.state.is_waiting() && letter.created_at < before);
        let keys: Vec<_> = old.map(|letter| (letter.created_at, letter.id)).take(limit.into()).collect();
        for key in &keys {
            self.state.outbox.remove(key);
        }
        Ok(keys.len() as u64)
    }
}

impl State {
    fn letter(&self, id: LetterId) -> Option<&Letter> {
        self.outbox.values().map(Arc::as_ref).find(|letter| letter.id == id)
    }

    fn claimed_letter(&self, id: LetterId, claim: ClaimId) -> Option<Letter> {
        let is_claimed =
            |letter: &&Letter| letter.state == LetterState::Sending && letter.claim == Some(claim);
        self.letter(id).filter(is_claimed).cloned()
    }

    /// Returns the logout tokens to deliver for these sessions of the user that have none yet.
    fn logouts(&self, of: LogoutsOf, user: &User, at: OffsetDateTime) -> Vec<Letter> {
        let chosen = self.all_sessions(user.id).filter(|session| is_chosen(of, session, user));
        let announced = chosen.filter_map(|session| {
            let client = session.grant().map(|grant| grant.client)?;
            self.client(client)?.settings.backchannel_logout_uri.as_ref()?;
            Some(logout(client, session.id, user, at))
        });
        announced.filter(|letter| self.letter(letter.id).is_none()).collect()
    }

    fn put_letter(&mut self, letter: Letter) {
        self.outbox.insert((letter.created_at, letter.id), Arc::new(letter));
    }
}

/// Whether an application gets a logout token for this session of the user.
fn is_chosen(of: LogoutsOf, session: &Session, user: &User) -> bool {
    let Some(grant) = session.grant() else { return false };
    match of {
        LogoutsOf::Session(id) => session.id == id,
        LogoutsOf::Browser(browser) => grant.browser == browser && session.is_unrevoked(user),
        LogoutsOf::Client(client) => grant.client == client && session.is_unrevoked(user),
        LogoutsOf::User { except } => except != Some(session.id) && session.is_unrevoked(user),
    }
}

/// A logout token to deliver.
fn logout(client: ClientUid, session: SessionId, user: &User, at: OffsetDateTime) -> Letter {
    Letter {
        id: LetterId::from_uuid(session.as_uuid()),
        kind: LetterKind::BackchannelLogout,
        recipient: user.email.clone(),
        user_id: Some(user.id),
        action_token_id: None,
        verification_id: None,
        new_email: None,
        logout: Some((client, session)),
        locale: None,
        client: ClientInfo::default(),
        state: LetterState::Pending,
        attempts: 0,
        next_attempt_at: at,
        last_error: None,
        created_at: at,
        expires_at: at + Letter::LOGOUT_LIFETIME,
        claim: None,
    }
}
