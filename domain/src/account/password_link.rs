//! Sets a password by a link: a reset, or an accepted invitation.

use super::{User, UserChange};
use crate::action_token::{self, Parsed, Purpose};
use crate::audit::{AuditEventKind, Trail};
use crate::credential::password_policy::{self, WeakPassword};
use crate::credential::{ClientTrust, Password, PasswordHash, Requester};
use crate::kernel::ClientInfo;
use crate::outbox::{Letter, LetterKind, notice};
use crate::session::RevocationReason;
use crate::{Core, Failure};

/// Why the password was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is wrong, used or expired, or has another purpose.
    Invalid,
    /// The password is too weak. The token was not spent.
    WeakPassword(WeakPassword),
}

/// What a link does besides setting the password.
pub(super) struct Kind {
    pub(super) purpose: Purpose,
    pub(super) event: AuditEventKind,
    pub(super) notice: LetterKind,
}

/// Sets the password. It never starts a session. All sessions and all other tokens of the user end, except undo tokens.
/// The link proves the mailbox, so the address is verified.
pub(super) async fn set(
    core: &Core,
    kind: &Kind,
    token: &str,
    password: Password,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let now = core.clock.now();
    let invalid = || Failure::Refused(Refusal::Invalid);
    let parsed = Parsed::parse(token).ok_or_else(invalid)?;
    let found = action_token::find(core, &parsed, kind.purpose, now).await?.ok_or_else(invalid)?;
    let user = core.store.read().await?.users().by_id(found.user_id).await?;
    let user = user.filter(|user| permits(user, &found)).ok_or_else(invalid)?;
    password_policy::check_new(&password, &user.email, &core.settings.context_words)
        .map_err(|weak| Failure::Refused(Refusal::WeakPassword(weak)))?;
    let hash: PasswordHash =
        core.hasher.hash(password, Requester::new(client, ClientTrust::Recognised)).await?;

    let now = core.clock.now();
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let event = trail.event(kind.event, user.id, None)?;
    let mut unit = core.store.begin().await?;
    let locked = unit.users().lock(user.id).await?.filter(|user| permits(user, &found));
    let Some(user) = locked else {
        unit.rollback().await?;
        return Err(invalid());
    };
    if !unit.action_tokens().spend(found.id, &found.hashed_token, now).await?
        || !unit.credentials().change_password(user.id, user.credential_version, &hash, now).await?
    {
        unit.rollback().await?;
        return Err(invalid());
    }
    if found.email == user.email && user.email_verified_at.is_none() {
        let change = UserChange { email_verified_at: Some(Some(now)), ..UserChange::default() };
        unit.users().update(user.id, &change, now).await?;
    }
    action_token::void_all(unit.as_mut(), user.id).await?;
    unit.sessions().revoke_all(user.id, None, RevocationReason::PasswordChanged, now).await?;
    unit.audit().record(&event).await?;
    if let Some(letter) = notice(core, kind.notice, &user, client, now)? {
        unit.outbox().insert_once_since(&letter, now - Letter::NOTICE_INTERVAL).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Whether the token still acts on this user.
fn permits(user: &User, token: &action_token::ActionToken) -> bool {
    user.is_active && user.credential_version == token.credential_version
}
