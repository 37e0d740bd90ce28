use async_trait::async_trait;
use time::OffsetDateTime;

use super::{ActionToken, ActionTokenId};
use crate::kernel::{Email, StoreError, TokenDigest, UserId};

/// Reads action tokens.
#[async_trait]
pub trait ActionTokenReader: Send {
    /// The token with this id. It may have expired.
    async fn by_id(&mut self, id: ActionTokenId) -> Result<Option<ActionToken>, StoreError>;

    /// The newest token of the user with this purpose. It may have expired.
    async fn newest_of(
        &mut self,
        user: UserId,
        purpose: super::Purpose,
    ) -> Result<Option<ActionToken>, StoreError>;
}

/// Writes action tokens, within a unit of work that has locked the user. The user's deletion MUST delete them.
#[async_trait]
pub trait ActionTokenRepository: Send {
    /// Adds a token. Unless it is an [undo token](super::Purpose::UndoEmail), it MUST delete the user's other tokens of
    /// the same purpose.
    async fn insert(&mut self, token: &ActionToken) -> Result<(), StoreError>;

    /// Spends a token: deletes it, if its digest is this one and it is valid after `now`. If not, it MUST change
    /// nothing and return `false`. Of many concurrent calls exactly one MUST return `true`.
    async fn spend(
        &mut self,
        id: ActionTokenId,
        digest: &TokenDigest,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Counts a code of a second factor that is presented with this token, if fewer than [`ActionToken::WRONG_CODES`]
    /// were counted, and returns how many are left. If none is left, or the token does not exist or is not valid after
    /// `now`, it MUST change nothing and return `None`. Of many concurrent calls exactly as many as are allowed MUST
    /// succeed.
    async fn count_code(&mut self, id: ActionTokenId, now: OffsetDateTime)
    -> Result<Option<i16>, StoreError>;

    /// Deletes the user's tokens of this purpose, and returns their number.
    async fn void(&mut self, user: UserId, purpose: super::Purpose) -> Result<u64, StoreError>;

    /// Deletes at most `limit` tokens of this purpose that expired before `now`, and returns them. However many callers
    /// take concurrently, each token MUST go to exactly one of them. The unit need not lock the user.
    async fn take_expired(
        &mut self,
        purpose: super::Purpose,
        now: OffsetDateTime,
        limit: u16,
    ) -> Result<Vec<ActionToken>, StoreError>;

    /// Deletes the user's tokens, and returns their number. [Undo tokens](super::Purpose::UndoEmail) MUST stay.
    async fn void_all(&mut self, user: UserId) -> Result<u64, StoreError>;

    /// Deletes the user's undo tokens that were created after `after`, and returns their number.
    async fn void_undo_after(&mut self, user: UserId, after: OffsetDateTime) -> Result<u64, StoreError>;

    /// Whether an undo token of another user than `except` may still restore this address: it has the address, in its
    /// normalised form, and is valid after `now`. It MUST see tokens that were committed during this unit.
    async fn is_reserved(
        &mut self,
        email: &Email,
        except: UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Deletes at most `limit` tokens that expired before `before`, and returns their number. Tokens of
    /// [`KeepFactors`](super::Purpose::KeepFactors) MUST stay: they are taken by `take_expired`. If sweeps run
    /// concurrently, exactly one MUST delete and count each token; in a store with several writers, a sweep MUST skip
    /// what another sweep is deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
