//! Accepts an invitation: sets the first password.

pub use super::password_link::Refusal;
use super::password_link::{self, Kind};
use crate::action_token::Purpose;
use crate::audit::AuditEventKind;
use crate::credential::Password;
use crate::kernel::ClientInfo;
use crate::outbox::LetterKind;
use crate::{Core, Failure};

/// Sets the password of an invited user. It never starts a session.
pub async fn execute(
    core: &Core,
    token: &str,
    password: Password,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let kind = Kind {
        purpose: Purpose::AcceptInvitation,
        event: AuditEventKind::InvitationAccepted,
        notice: LetterKind::InvitationAccepted,
    };
    password_link::set(core, &kind, token, password, None, client).await
}
