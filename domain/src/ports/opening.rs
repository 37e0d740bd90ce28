use crate::model::{AuditEvent, PasswordHash, Session, User};

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
}

/// What became of an opening. Only [`Opened`](Self::Opened) has changed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpeningOutcome {
    /// The session is there. This is the user as it was found, apart from the new hash.
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
}
