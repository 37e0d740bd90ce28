//! Recovers an account whose password is lost.

use super::password_link::{self, Kind};
pub use super::password_link::{Proof, Refusal};
use crate::action_token::Purpose;
use crate::audit::AuditEventKind;
use crate::credential::Password;
use crate::kernel::{ClientInfo, Email, Locale};
use crate::outbox::{LetterKind, NewLetter};
use crate::{Core, Failure, PortFailure};

/// Requests a letter with a link that sets a new password. The request does the same work for any address: the worker
/// finds out whether there is an account.
pub async fn forgot(
    core: &Core,
    email: Email,
    locale: Option<Locale>,
    client: &ClientInfo,
) -> Result<(), PortFailure> {
    let letter = NewLetter::requested(LetterKind::PasswordReset, email, locale, client);
    let letter = letter.write(core, core.clock.now())?;
    let mut unit = core.store.begin().await?;
    unit.outbox().insert(&letter).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Sets a new password by the link. It never starts a session, and needs the second factor of an account that has one
/// (OWASP ASVS 5.0, 6.4.3).
pub async fn reset(
    core: &Core,
    token: &str,
    new_password: Password,
    proof: Option<Proof>,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let kind = Kind {
        purpose: Purpose::ResetPassword,
        event: AuditEventKind::PasswordReset,
        notice: LetterKind::PasswordChanged,
    };
    password_link::set(core, &kind, token, new_password, proof, client).await
}
