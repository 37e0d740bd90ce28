use async_trait::async_trait;
use time::OffsetDateTime;

use super::{ClaimId, Delivery, Letter, LetterId, LetterKind, LetterState, LogoutsOf};
use crate::kernel::{AgeCursor, Email, Page, PageRequest, StoreError, UserId};

/// A position in a list of letters.
pub type LetterCursor = AgeCursor<LetterId>;

/// Reads the outbox.
#[async_trait]
pub trait OutboxReader: Send {
    /// A page of the letters in this state; `None` for any state. They MUST come newest first, by `(created_at, id)`.
    /// Each letter that stays in the listing while a caller reads all pages MUST come exactly once. A store that keeps
    /// a letter in a form that cannot be read MUST leave it out, and return the others.
    async fn page(
        &mut self,
        state: Option<LetterState>,
        page: PageRequest<LetterCursor>,
    ) -> Result<Page<Letter, LetterCursor>, StoreError>;

    /// Whether a letter of this kind to this address, in its normalised form, was [delivered](LetterState::Delivered)
    /// and caused after `since`.
    async fn was_delivered(
        &mut self,
        kind: LetterKind,
        recipient: &Email,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// The figures of the outbox.
    async fn figures(&mut self) -> Result<OutboxFigures, StoreError>;
}

/// The figures of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxFigures {
    /// When the oldest letter was caused that is pending or being sent. Logout tokens do not count: an application may
    /// refuse them for hours.
    pub oldest_waiting: Option<OffsetDateTime>,
    /// Number of letters that were not delivered, by kind and state. Pairs without letters may be left out.
    pub letters: Vec<(LetterKind, LetterState, u64)>,
}

/// Writes the outbox, within a unit of work.
#[async_trait]
pub trait OutboxRepository: Send {
    /// Adds a letter.
    async fn insert(&mut self, letter: &Letter) -> Result<(), StoreError>;

    /// Adds a letter, unless a letter of its kind about its user was caused after `since`. Returns whether it did. The
    /// unit has locked the user.
    async fn insert_once_since(&mut self, letter: &Letter, since: OffsetDateTime)
    -> Result<bool, StoreError>;

    /// Adds a logout token to be delivered for each of these sessions of the user that an application with a
    /// [`backchannel_logout_uri`](crate::client::ClientSettings::backchannel_logout_uri) holds, and returns their
    /// number. Its id MUST be that of the session, and a session that has one already MUST NOT get another. It is
    /// [pending](LetterState::Pending), caused and due at `at`, expires [`Letter::LOGOUT_LIFETIME`] later, and names
    /// the user, the user's address, the application and the session. It MUST be one statement, so that it sees the
    /// sessions as the unit leaves them.
    async fn queue_logouts(
        &mut self,
        of: LogoutsOf,
        user: UserId,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError>;

    /// Claims at most `limit` letters that are pending or whose claim has ended, and whose
    /// [`next_attempt_at`](Letter::next_attempt_at) is not after `now`, oldest attempt first: sets the state
    /// [`Sending`](LetterState::Sending), the claim, its end `until`, and counts an attempt. Returns them as they are
    /// then. It MUST claim only what `delivery` says.
    ///
    /// However many workers claim, each letter MUST go to exactly one of them. In a store with several writers it MUST
    /// skip what another worker is claiming, and not wait for it.
    async fn claim(
        &mut self,
        claim: ClaimId,
        now: OffsetDateTime,
        until: OffsetDateTime,
        limit: u16,
        delivery: Delivery,
    ) -> Result<Vec<Letter>, StoreError>;

    /// Prolongs a claim until `until`. If the letter is no longer claimed by this claim, it MUST change nothing and
    /// return `false`.
    async fn prolong(
        &mut self,
        id: LetterId,
        claim: ClaimId,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Stores what a worker has decided about a claimed letter: kind, recipient, user, token, registration, language,
    /// state, next attempt, error and expiry. If the letter is no longer claimed by `claim`, it MUST change nothing and
    /// return `false`. A letter that is no longer [`Sending`](LetterState::Sending) MUST have no claim.
    async fn update(&mut self, letter: &Letter, claim: ClaimId) -> Result<bool, StoreError>;

    /// Deletes a claimed letter. If the letter is no longer claimed by `claim`, it MUST change nothing and return
    /// `false`.
    async fn delete(&mut self, id: LetterId, claim: ClaimId) -> Result<bool, StoreError>;

    /// Makes a dead letter pending again: no attempts, next attempt at `now`, and the new expiry. If there is no dead
    /// letter with this id, it MUST change nothing and return `false`.
    async fn revive(
        &mut self,
        id: LetterId,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Marks the address of the user as undeliverable at `at`, or with `None` as deliverable, if the user still has
    /// this address, in its normalised form.
    async fn mark_address(
        &mut self,
        user: UserId,
        address: &Email,
        undeliverable_at: Option<OffsetDateTime>,
    ) -> Result<(), StoreError>;

    /// Deletes at most `limit` letters that were delivered or died, and were caused before `before`; returns their
    /// number. If sweeps run concurrently, exactly one MUST delete and count each letter; in a store with several
    /// writers, a sweep MUST skip what another sweep is deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}

/// Wakes the worker that empties the outbox.
pub trait OutboxSignal: Send + Sync {
    /// Says that the outbox has new letters, which are committed. It MUST NOT wait.
    fn letters_queued(&self);
}
