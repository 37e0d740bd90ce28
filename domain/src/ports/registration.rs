use crate::model::{AuditEvent, User};

/// A user who is new.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The user.
    pub user: User,
    /// What is told of it.
    pub event: AuditEvent,
}
