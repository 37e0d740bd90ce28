//! Sets a user's password. All sessions end.

use super::password_policy::{self, WeakPassword};
use super::{ClientTrust, Password, Requester};
use crate::action_token;
use crate::audit::{AuditEventKind, OPERATOR, Trail};
use crate::kernel::{ClientInfo, Email};
use crate::outbox::{Letter, LetterKind, notice};
use crate::session::{RevocationReason, end_all};
use crate::{Core, Failure};

/// Why the password was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No user has the address.
    NotFound,
    /// The password is too weak.
    WeakPassword(WeakPassword),
    /// Another request changed the password at the same moment.
    ChangedMeanwhile,
}

/// Sets the password. An inactive user stays inactive.
pub async fn execute(core: &Core, email: &Email, password: Password) -> Result<(), Failure<Refusal>> {
    password_policy::check_new(&password, email, &core.settings.context_words)
        .map_err(|weak| Failure::Refused(Refusal::WeakPassword(weak)))?;
    let found = core.store.read().await?.users().by_login(email).await?;
    let user = found.ok_or(Failure::Refused(Refusal::NotFound))?;
    let client = ClientInfo::default();
    let hash = core.hasher.hash(password, Requester::new(&client, ClientTrust::Recognised)).await?;
    let trail = Trail { core, at: core.clock.now(), actor: Some(OPERATOR), client: &client };
    let event = trail.event(AuditEventKind::PasswordChanged, user.id, None)?;

    let mut unit = core.store.begin().await?;
    unit.users().lock(user.id).await?;
    if !unit.credentials().change_password(user.id, user.credential_version, &hash, trail.at).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::ChangedMeanwhile));
    }
    end_all(unit.as_mut(), user.id, None, RevocationReason::PasswordChanged, trail.at).await?;
    action_token::void_all(unit.as_mut(), user.id).await?;
    unit.audit().record(&event).await?;
    if let Some(letter) = notice(core, LetterKind::PasswordChanged, &user, &client, trail.at)? {
        unit.outbox().insert_once_since(&letter, trail.at - Letter::NOTICE_INTERVAL).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
