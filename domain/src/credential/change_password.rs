//! Changes the caller's password: every other session ends, and the caller's session is re-keyed (OWASP ASVS 5.0,
//! 7.4.3).

use super::password_policy::{self, WeakPassword};
use super::{Account, ClientTrust, Password, PasswordHash, Requester};
use crate::account::User;
use crate::action_token;
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Assurance;
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, StoreError};
use crate::outbox::{Letter, LetterKind, notice};
use crate::session::{Holder, Principal, Rekey, RevocationReason, Session, access_token, end_all, rekeyed};
use crate::store::UnitOfWork;
use crate::token::TokenPair;
use crate::{Core, Failure, PortFailure};

/// The current password and the new one.
#[derive(Debug)]
pub struct Command {
    /// Proves that the request comes from the owner.
    pub current_password: Password,
    /// The new password.
    pub new_password: Password,
}

/// Why the password was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The authentication is too old.
    StepUp(StepUpRequired),
    /// The current password is wrong, or was changed meanwhile.
    WrongPassword,
    /// The new password is too weak.
    WeakPassword(WeakPassword),
    /// The session ended, or the account was deactivated or deleted, meanwhile.
    ChangedMeanwhile,
}

/// Changes the password, and issues a new token pair for the caller's session.
///
/// The commit invalidates the session's previous refresh token without a grace period, no matter who holds it.
pub async fn execute(
    core: &Core,
    principal: &Principal,
    command: Command,
    client: &ClientInfo,
) -> Result<TokenPair, Failure<Refusal>> {
    let user = &principal.user;
    let own_session = admissible(core, principal, &command)?;
    let requester = Requester::new(client, ClientTrust::Recognised);
    let checked = verify(core, principal, command.current_password, requester).await?;
    let hash = core.hasher.hash(command.new_password, requester).await?;

    // With a second factor, the password alone does not keep the session as strong or as fresh as it is.
    let authenticated = if user.has_factor() {
        (own_session.authenticated_at, own_session.assurance.clone())
    } else {
        (core.clock.signing_time()?, Assurance::PASSWORD)
    };
    let (session, refresh, rekey) = rekeyed(core, own_session, authenticated, client)?;
    let trail = Trail { core, at: rekey.at, actor: Some(user.id), client };
    let event = trail.event(AuditEventKind::PasswordChanged, user.id, Some(session.id))?;

    let mut unit = core.store.begin().await?;
    let current = match replace_password(unit.as_mut(), principal, &checked, &hash, &rekey).await? {
        Ok(current) => current,
        Err(refusal) => {
            unit.rollback().await?;
            return Err(Failure::Refused(refusal));
        }
    };
    action_token::void_all(unit.as_mut(), current.id).await?;
    unit.audit().record(&event).await?;
    if let Some(letter) = notice(core, LetterKind::PasswordChanged, &current, client, rekey.at)? {
        unit.outbox().insert_once_since(&letter, rekey.at - Letter::NOTICE_INTERVAL).await?;
    }
    unit.commit().await?;
    core.letters_queued();

    let (access_token, expires_in) = access_token(core, &session, &current, Holder::Api, rekey.at)?;
    Ok(TokenPair { access_token, refresh_token: refresh, expires_in })
}

/// Checks everything but the current password: that the login is recent and the new password is allowed. It returns the
/// caller's session. A caller that limits guesses calls this first, because such a request guesses nothing.
pub fn admissible<'a>(
    core: &Core,
    principal: &'a Principal,
    command: &Command,
) -> Result<&'a Session, Failure<Refusal>> {
    let now = core.clock.signing_time()?;
    let own_session = principal
        .require_recent(core, now)
        .map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    password_policy::check_new(&command.new_password, &principal.user.email, &core.settings.context_words)
        .map_err(|weak| Failure::Refused(Refusal::WeakPassword(weak)))?;
    Ok(own_session)
}

/// The verified password, as it was stored.
struct Checked {
    hash: PasswordHash,
    version: i64,
}

/// Verifies the password against the hash as it is stored now.
async fn verify(
    core: &Core,
    principal: &Principal,
    password: Password,
    requester: Requester,
) -> Result<Checked, Failure<Refusal>> {
    let account = core.store.read().await?.credentials().by_id(principal.user.id).await?;
    let Account { user, password: stored } = account.ok_or(Failure::Refused(Refusal::ChangedMeanwhile))?;
    let hash = stored.ok_or(Failure::Refused(Refusal::WrongPassword))?;
    if core.hasher.check(password, hash.clone(), requester).await? {
        return Ok(Checked { hash, version: user.credential_version });
    }
    // The password may have been correct when the caller authenticated.
    let was_changed = user.credential_version != principal.user.credential_version;
    let is_changed = was_changed && !is_live(core, principal).await?;
    Err(Failure::Refused(if is_changed { Refusal::ChangedMeanwhile } else { Refusal::WrongPassword }))
}

async fn is_live(core: &Core, principal: &Principal) -> Result<bool, StoreError> {
    let Some(session) = principal.session_id() else { return Ok(false) };
    let found = core.store.read().await?.sessions().with_user(session).await?;
    Ok(found.is_some_and(|(session, user)| session.is_live(&user, core.clock.now())))
}

/// Stores the new hash, ends the other sessions and re-keys this one: all or nothing.
async fn replace_password(
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    checked: &Checked,
    hash: &PasswordHash,
    rekey: &Rekey,
) -> Result<Result<User, Refusal>, PortFailure> {
    let Some(current) = crate::session::lock(unit, principal, rekey.at).await? else {
        return Ok(Err(Refusal::ChangedMeanwhile));
    };
    // A different version does not mean a different password: revoking legacy tokens advances it, too.
    let version = current.credential_version;
    let is_checked = checked.version == version
        || unit.credentials().password_of(current.id).await?.as_ref() == Some(&checked.hash);
    if !is_checked || !unit.credentials().change_password(current.id, version, hash, rekey.at).await? {
        return Ok(Err(Refusal::WrongPassword));
    }
    let reason = RevocationReason::PasswordChanged;
    end_all(unit, current.id, Some(rekey.session_id), reason, rekey.at).await?;
    Ok(if unit.sessions().rekey(rekey).await? { Ok(current) } else { Err(Refusal::ChangedMeanwhile) })
}
