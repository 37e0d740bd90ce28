use std::net::IpAddr;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Opening, Rekey, RevocationReason, Session};
use crate::account::User;
use crate::kernel::{AgeCursor, Email, Page, PageRequest, SessionId, StoreError, UserId};

/// Reads sessions.
#[async_trait]
pub trait SessionReader: Send {
    /// The session and its user, in one query: what every authenticated request needs.
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError>;

    /// A page of the user's sessions that are [live](Session::is_live). They MUST come newest first, by `(created_at, id)`; each
    /// session that lives throughout a walk MUST come exactly once.
    async fn live_of(
        &mut self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<AgeCursor<SessionId>>,
    ) -> Result<Page<Session, AgeCursor<SessionId>>, StoreError>;

    /// The client addresses of the newest sessions of the user with this e-mail address, of at most `limit` of them, whether
    /// the sessions live or have ended. Each address MUST come once, in any order. None where nobody has the e-mail
    /// address; sessions without a client address MUST be passed over.
    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError>;
}

/// Writes sessions, within a unit of work that has locked the user first. A session's `expires_at` is never after its
/// `max_expires_at`.
#[async_trait]
pub trait SessionRepository: Send {
    /// Adds a session.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;

    /// Whether this is a live session of the user. In a unit that has locked the user it MUST stay so until the unit ends, but
    /// for what the unit does itself.
    async fn is_live(&mut self, id: SessionId, user: UserId, now: OffsetDateTime)
    -> Result<bool, StoreError>;

    /// Gives the session a new refresh token and forgets the one before, so that there is no reuse grace. It MUST
    /// change nothing and answer `false` if the session is not the user's or not live at `rekey.at`.
    async fn rekey(&mut self, rekey: &Rekey) -> Result<bool, StoreError>;

    /// Revokes a live session of the user. It MUST change nothing and answer `false` if there is none with this id.
    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Ends the user's sessions, all or all but one, by counting [`User::sessions_epoch`] up; the session that is kept MUST
    /// get the new epoch. One that has expired but is not revoked MUST be ended too: a rotation that began before the expiry
    /// may still be on its way. A rotation in flight MUST NOT survive it, nor a session that another unit is just opening.
    ///
    /// The time and the reason MUST be written into the newest [`REVOKED_AT_ONCE`](super::REVOKED_AT_ONCE) of them, and it returns into how many: zero
    /// means that there was none to end. The cost MUST NOT grow with the number of sessions beyond that; those that are left
    /// have ended all the same, and are swept once they have expired.
    async fn revoke_all(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError>;

    /// Ends those sessions of the user that have to [give way](Opening::eviction) to a new one, and returns the
    /// [`User::sessions_epoch`] after that. `user` is the user as the unit has locked it.
    async fn make_room(&mut self, opening: &Opening, user: &User) -> Result<i64, StoreError>;

    /// Deletes at most `limit` sessions that expired or were revoked before `before`, and tells how many. Live ones MUST stay. Of sweeps at
    /// once each session MUST be deleted and counted by one; where a store has several writers, a sweep MUST pass over
    /// what another one is deleting and not wait for it.
    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
