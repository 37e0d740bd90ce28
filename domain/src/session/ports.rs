use std::net::IpAddr;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Rekey, RevocationReason, Session, SessionKind, SessionStart};
use crate::account::User;
use crate::client::ClientUid;
use crate::kernel::{AgeCursor, Email, Page, PageRequest, SessionId, StoreError, TokenDigest, UserId};

/// Reads sessions.
#[async_trait]
pub trait SessionReader: Send {
    /// The session and its user, in one query: every authenticated request needs both.
    async fn with_user(&mut self, id: SessionId) -> Result<Option<(Session, User)>, StoreError>;

    /// A page of the user's [live](Session::is_live) sessions. They MUST come newest first, by `(created_at, id)`; each
    /// session that is live while a caller reads all pages MUST come exactly once.
    async fn live_of(
        &mut self,
        user: UserId,
        now: OffsetDateTime,
        page: PageRequest<AgeCursor<SessionId>>,
    ) -> Result<Page<Session, AgeCursor<SessionId>>, StoreError>;

    /// The client addresses of the newest sessions of the user with this e-mail address, of at most `limit` sessions,
    /// live or ended. Each address MUST come once, in any order. Empty if no user has the e-mail address; sessions
    /// without a client address MUST be skipped.
    async fn recent_addresses(&mut self, email: &Email, limit: u16) -> Result<Vec<IpAddr>, StoreError>;
}

/// Writes sessions, within a unit of work that has locked the user first. A session's `expires_at` is never after its
/// `max_expires_at`.
#[async_trait]
pub trait SessionRepository: Send {
    /// Adds a session.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;

    /// Whether this is a live session of the user. In a unit that has locked the user it MUST stay live until the unit
    /// ends, unless the unit itself ends it.
    async fn is_live(&mut self, id: SessionId, user: UserId, now: OffsetDateTime)
    -> Result<bool, StoreError>;

    /// Gives the session a new refresh token and forgets the previous one, so that there is no reuse grace period. If
    /// the session is not the user's or not live at `rekey.at`, it MUST change nothing and return `false`.
    async fn rekey(&mut self, rekey: &Rekey) -> Result<bool, StoreError>;

    /// Prolongs a live session of a browser until `expires_at`, which is not after its `max_expires_at`, and sets its
    /// `last_used_at` to `at`, if its live token still has this digest. If not, it MUST change nothing and return
    /// `false`.
    async fn touch(
        &mut self,
        id: SessionId,
        user: UserId,
        digest: &TokenDigest,
        at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Revokes a live session of the user, and returns what held it. If there is none with this id, it MUST change nothing
    /// and return `None`.
    async fn revoke(
        &mut self,
        id: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<Option<SessionKind>, StoreError>;

    /// Revokes the user's [unrevoked](Session::is_unrevoked) sessions of applications that began in this browser session,
    /// except those that [outlive it](super::ClientGrant::is_offline), and returns their number.
    async fn revoke_of_browser(
        &mut self,
        browser: SessionId,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError>;

    /// Makes the user's sessions of applications that began in one browser session belong to another one, and returns
    /// their number.
    async fn move_to_browser(
        &mut self,
        from: SessionId,
        to: SessionId,
        user: UserId,
    ) -> Result<u64, StoreError>;

    /// Revokes the user's [unrevoked](Session::is_unrevoked) sessions of this application, and returns their number.
    async fn revoke_of_client(
        &mut self,
        client: ClientUid,
        user: UserId,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError>;

    /// Ends the user's sessions, all or all except one, by incrementing [`User::sessions_epoch`]; the session that is
    /// kept MUST get the new epoch. A session that has expired but is not revoked MUST end too: a rotation that began
    /// before the expiry may still be in flight. A rotation in flight MUST NOT survive it, nor a session that another
    /// unit is just starting.
    ///
    /// It MUST write the time and the reason to the newest [`REVOKED_AT_ONCE`](super::REVOKED_AT_ONCE) of them, and
    /// returns to how many: zero means that there was none to end. The cost MUST NOT grow with the number of sessions
    /// beyond that; the remaining ones have ended all the same, and are swept after they expire.
    async fn revoke_all(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: RevocationReason,
        at: OffsetDateTime,
    ) -> Result<u64, StoreError>;

    /// Evicts the user's sessions that [exceed the limit](SessionStart::eviction) when a new one starts, and returns the
    /// [`User::sessions_epoch`] after that. `user` is the user as locked by the unit.
    async fn make_room(&mut self, start: &SessionStart, user: &User) -> Result<i64, StoreError>;

    /// Deletes at most `limit` sessions that expired or were revoked before `before`, and returns their number. Live
    /// sessions MUST stay. If sweeps run concurrently, exactly one MUST delete and count each session; in a store with
    /// several writers, a sweep MUST skip what another sweep is deleting, and not wait for it.
    async fn sweep_ended(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
