use std::net::IpAddr;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::{Opening, StoreError};
use crate::model::{
    AgeCursor, ClientInfo, Email, Page, PageRequest, RevocationReason, Session, SessionId, TokenDigest,
    TokenId, User, UserId,
};

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

/// A new refresh token for a session whose owner has just proved the password.
#[derive(Clone, Debug)]
pub struct Rekey {
    /// The session.
    pub session_id: SessionId,
    /// Whose it has to be.
    pub user_id: UserId,
    /// The generation of the new token.
    pub generation: i64,
    /// The new token's `jti`.
    pub refresh_jti: TokenId,
    /// The new token's digest.
    pub hashed_refresh_token: TokenDigest,
    /// Now: when the token was issued and the password was proved.
    pub at: OffsetDateTime,
    /// When the new token expires.
    pub expires_at: OffsetDateTime,
    /// Where the request came from.
    pub client: ClientInfo,
}

impl Rekey {
    /// The session after the re-key.
    #[must_use]
    pub fn applied_to(&self, session: &Session) -> Session {
        Session {
            generation: self.generation,
            rekeyed_generation: self.generation,
            refresh_jti: self.refresh_jti.clone(),
            hashed_refresh_token: self.hashed_refresh_token,
            previous_hashed_refresh_token: None,
            rotated_at: self.at,
            authenticated_at: self.at,
            last_used_at: self.at,
            expires_at: self.expires_at,
            last_client: self.client.clone(),
            ..session.clone()
        }
    }
}

/// An attempt to exchange a refresh token for its successor.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The session that the presented token names.
    pub session_id: SessionId,
    /// The user that it names.
    pub user_id: UserId,
    /// The presented token's digest.
    pub presented: TokenDigest,
    /// The successor's generation.
    pub generation: i64,
    /// The successor's `jti`.
    pub refresh_jti: TokenId,
    /// The successor's digest.
    pub hashed_refresh_token: TokenDigest,
    /// When the successor expires.
    pub expires_at: OffsetDateTime,
    /// Now.
    pub at: OffsetDateTime,
    /// For how long after a rotation the token before is answered with [`RotationOutcome::Raced`]. Zero is never.
    pub reuse_grace: Duration,
    /// Earlier successors of the presented token whose answers may not have reached the client. If one of them is the
    /// live token, the attempt is a retry, and MUST be [`RotationOutcome::Raced`] whatever the grace is. Seldom any.
    pub undelivered: Vec<TokenDigest>,
    /// Where the request came from.
    pub client: ClientInfo,
}

/// What became of a rotation. Only [`Rotated`](Self::Rotated) has changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The presented token was the live one; the successor is now.
    Rotated(Session, User),
    /// The presented token was the one before the live one, within the grace or [undelivered](Rotation::undelivered).
    Raced(Session, User),
    /// The presented token is the live one, but the successor would outlive the session, which ends then.
    Capped(OffsetDateTime),
    /// The presented token was used up before.
    Reused(Session),
    /// The presented token is of a generation from before the last re-key.
    Superseded,
    /// The session has ended, or its token has expired.
    Ended,
    /// The user may not log in.
    Inactive,
    /// There is no such session of that user.
    Unknown,
}

impl Rotation {
    /// Why the attempt must be refused for a session and its user as they are, or `None` if the exchange may go on. The
    /// rules of rotation stand here, once for all stores.
    ///
    /// A store MUST make the exchange only if the session and the user are at that moment still those that were judged.
    pub fn refusal(&self, session: &Session, user: &User) -> Option<RotationOutcome> {
        if session.user_id != self.user_id {
            return Some(RotationOutcome::Unknown);
        }
        if !user.is_active {
            return Some(RotationOutcome::Inactive);
        }
        if !session.is_live(user, self.at) {
            return Some(RotationOutcome::Ended);
        }
        if session.hashed_refresh_token == self.presented {
            let capped = self.expires_at > session.max_expires_at;
            return capped.then_some(RotationOutcome::Capped(session.max_expires_at));
        }
        // Without a grace there is none either for whoever looked at the clock before the winner of a race did.
        let has_grace = self.reuse_grace.is_positive() && self.at < session.rotated_at + self.reuse_grace;
        let is_retry = self.undelivered.contains(&session.hashed_refresh_token);
        if (has_grace || is_retry) && session.previous_hashed_refresh_token == Some(self.presented) {
            return Some(RotationOutcome::Raced(session.clone(), user.clone()));
        }
        if self.generation <= session.rekeyed_generation {
            return Some(RotationOutcome::Superseded);
        }
        Some(RotationOutcome::Reused(session.clone()))
    }

    /// The session after the rotation.
    #[must_use]
    pub fn applied_to(&self, session: &Session) -> Session {
        Session {
            generation: self.generation,
            refresh_jti: self.refresh_jti.clone(),
            hashed_refresh_token: self.hashed_refresh_token,
            previous_hashed_refresh_token: Some(self.presented),
            rotated_at: self.at,
            last_used_at: self.at,
            expires_at: self.expires_at,
            last_client: self.client.clone(),
            ..session.clone()
        }
    }
}
