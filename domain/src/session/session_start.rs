use super::Session;
use crate::account::User;
use crate::audit::AuditEvent;
use crate::credential::PasswordHash;
use crate::outbox::Letter;

/// Maximum number of session rows that one unit of work writes or deletes for one user: a few milliseconds of work.
pub const REVOKED_AT_ONCE: u16 = 500;

/// The start of a session, after the password was verified.
#[derive(Clone, Debug)]
pub struct SessionStart {
    /// The session.
    pub session: Session,
    /// The `credential_version` of the user whose password was verified.
    pub credential_version: i64,
    /// A new hash of the same password, if the stored hash uses outdated parameters.
    pub rehashed: Option<PasswordHash>,
    /// The audit event.
    pub event: AuditEvent,
    /// The notice about a new device, if there is one to send.
    pub notice: Option<Letter>,
    /// Session limit of the account, including this session. At least one.
    pub max_sessions: u16,
}

/// The outcome of a session start. Only [`Opened`](Self::Opened) has changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionStartOutcome {
    /// The session was started. This is the user as the store found them.
    Opened(User),
    /// The user was deleted or deactivated, or has changed the password since it was verified.
    ChangedMeanwhile,
}

impl SessionStart {
    /// Whether the session may be started for the current user. All stores share this rule.
    pub fn fits(&self, user: &User) -> bool {
        user.id == self.session.user_id
            && user.is_active
            && user.credential_version == self.credential_version
    }

    /// The session to store, with the epoch of the locked user. So a session start that waits for a unit which ends all
    /// sessions comes after it.
    #[must_use]
    pub fn session_of(&self, user: &User) -> Session {
        Session { epoch: user.sessions_epoch, ..self.session.clone() }
    }

    /// How many of the user's [unrevoked](Session::is_unrevoked) sessions a store counts at most to determine the
    /// [eviction](Self::eviction).
    pub fn counted_sessions(&self) -> u32 {
        self.others().saturating_add(REVOKED_AT_ONCE.into()).saturating_add(1)
    }

    /// Which sessions to evict if the user has this many unrevoked ones, expired or not. After that the account has at
    /// most [`max_sessions`](Self::max_sessions), whatever it had before, and the work is bounded.
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

/// Which sessions of a user are evicted for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// None: there is room.
    None,
    /// Revokes this many with [`SessionLimit`](super::RevocationReason::SessionLimit): those that have expired first,
    /// then the least recently used.
    LeastRecentlyUsed(u32),
    /// Ends all except this many, the last created. There are too many to look at each, as in a database from before
    /// there was a limit. The store increments the user's epoch, and the kept sessions get the new one.
    AllButNewest(u32),
}
