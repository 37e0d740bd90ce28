use super::Session;
use crate::account::User;
use crate::audit::AuditEvent;
use crate::credential::PasswordHash;

/// The most rows of sessions that one unit writes or deletes for one user: a few milliseconds of work.
pub const REVOKED_AT_ONCE: u16 = 500;

/// A session that begins because a password was right.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The session.
    pub session: Session,
    /// The `credential_version` of the user whose password was checked.
    pub credential_version: i64,
    /// Another hash of the same password, if the old one is not as hashes are made today.
    pub rehashed: Option<PasswordHash>,
    /// What is told of it.
    pub event: AuditEvent,
    /// The most sessions that the account may have, this one included. At least one.
    pub max_sessions: u16,
}

/// What became of an opening. Only [`Opened`](Self::Opened) has changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpeningOutcome {
    /// The session is there. This is the user as it was found.
    Opened(User),
    /// The user is gone, was deactivated, or has changed the password since it was checked.
    Overtaken,
}

impl Opening {
    /// Whether the session may be opened for the user as it is. The rule stands here, once for all stores.
    pub fn fits(&self, user: &User) -> bool {
        user.id == self.session.user_id
            && user.is_active
            && user.credential_version == self.credential_version
    }

    /// The session as it is to be kept: of the epoch of the user as locked. So a start that waits for a unit which ends all
    /// sessions comes after it.
    #[must_use]
    pub fn session_of(&self, user: &User) -> Session {
        Session { epoch: user.sessions_epoch, ..self.session.clone() }
    }

    /// How many of the user's [unrevoked](Session::is_unrevoked) sessions a store counts at most to find out what has to
    /// [give way](Self::eviction).
    pub fn counted_sessions(&self) -> u32 {
        self.others().saturating_add(REVOKED_AT_ONCE.into()).saturating_add(1)
    }

    /// What has to give way to the session where the user has so many unrevoked ones, expired or not. After that the account
    /// has at most [`max_sessions`](Self::max_sessions), whatever it had before, and the work is bounded.
    pub fn eviction(&self, unrevoked: u32) -> Eviction {
        let excess = unrevoked.saturating_sub(self.others());
        if excess == 0 {
            Eviction::None
        } else if excess <= REVOKED_AT_ONCE.into() {
            Eviction::LeastRecentlyUsed(excess)
        } else {
            Eviction::AllButNewest(self.others())
        }
    }

    fn others(&self) -> u32 {
        self.max_sessions.saturating_sub(1).into()
    }
}

/// Which sessions of a user give way to a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// None: there is room.
    None,
    /// So many are revoked with [`SessionLimit`](super::RevocationReason::SessionLimit): those that have expired first,
    /// then the least recently used.
    LeastRecentlyUsed(u32),
    /// There are far too many to look at each, as in a database from before there was a limit: all end but so many that were
    /// created last. The user's epoch is counted up, and these get the new one.
    AllButNewest(u32),
}
