use crate::audit::AuditEvent;
use crate::credential::Account;

/// A new user, and the audit event to store with it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The user, with the password.
    pub account: Account,
    /// The audit event.
    pub event: AuditEvent,
}
