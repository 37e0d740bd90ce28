use crate::action_token::ActionToken;
use crate::audit::AuditEvent;
use crate::credential::Account;
use crate::outbox::Letter;

/// A new user, and the audit event to store with it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The user, with the password.
    pub account: Account,
    /// The audit event.
    pub event: AuditEvent,
    /// Whether an address that an [undo token](crate::action_token::Purpose::UndoEmail) may still restore counts as taken.
    pub respects_reservations: bool,
    /// The token and the letter that verify the address, if they are to be stored with the user.
    pub verification: Option<(ActionToken, Letter)>,
}

impl Registration {
    /// Whether the user and the event are all that there is to store. A store may then use one statement.
    pub fn is_plain(&self) -> bool {
        !self.respects_reservations && self.verification.is_none()
    }
}
