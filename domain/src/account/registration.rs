use crate::audit::AuditEvent;
use crate::credential::Account;

/// A user who is new.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The user, with the password.
    pub account: Account,
    /// What is told of it.
    pub event: AuditEvent,
}
