//! Changing the own password: every other session ends, the own one is re-keyed (OWASP ASVS 5.0, 7.4.3).

use super::password_policy::{self, WeakPassword};
use super::{Account, Password, PasswordHash, Requester, Standing};
use crate::account::User;
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, PlainToken, StoreError, TokenDigest, TokenId};
use crate::session::{
    Principal, Rekey, RevocationReason, Session, access_token, refresh_expiry, refresh_token,
};
use crate::store::UnitOfWork;
use crate::token::TokenPair;
use crate::{Core, Failure, PortFailure};

/// The old password, and the new one.
#[derive(Debug)]
pub struct Command {
    /// Proves that it is the owner who asks.
    pub current_password: Password,
    /// What it is to be from now on.
    pub new_password: Password,
}

/// Why the password is the old one still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The authentication is too old.
    StepUp(StepUpRequired),
    /// The current password is another one; it may have been changed while this was under way.
    WrongPassword,
    /// The new password may not be used.
    WeakPassword(WeakPassword),
    /// The session ended, or the account was deactivated or deleted, while this was under way.
    Overtaken,
}

/// Changes the password, and gives the caller's session a new pair of tokens.
///
/// The refresh token that the caller had, and whoever else may have it, is dead at the commit, without any grace.
pub async fn execute(
    core: &Core,
    principal: &Principal,
    command: Command,
    client: &ClientInfo,
) -> Result<TokenPair, Failure<Refusal>> {
    let user = &principal.user;
    let now = core.clock.signing_time()?;
    let own_session = principal
        .require_recent(core, now)
        .map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    password_policy::check_new(&command.new_password, &user.email, &core.settings.context_words)
        .map_err(|weak| Failure::Refused(Refusal::WeakPassword(weak)))?;
    let requester = Requester::new(client, Standing::Known);
    let checked = verify(core, principal, command.current_password, requester).await?;
    let hash = core.hasher.hash(command.new_password, requester).await?;

    // Rotations may go on while the hashes are computed. The new generation is one that none of them can have issued
    // a token of, wherever they have come by the commit.
    let (session, refresh, rekey) = rekeyed_session(core, own_session, client)?;
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
    unit.audit().record(&event).await?;
    unit.commit().await?;

    let (access_token, expires_in) = access_token(core, &session, &current, rekey.at)?;
    Ok(TokenPair { access_token, refresh_token: refresh, expires_in })
}

/// The password that was checked, as it was stored.
struct Checked {
    hash: PasswordHash,
    version: i64,
}

/// Checks the password against the hash as it is stored now.
async fn verify(
    core: &Core,
    principal: &Principal,
    password: Password,
    requester: Requester,
) -> Result<Checked, Failure<Refusal>> {
    let account = core.store.read().await?.credentials().by_id(principal.user.id).await?;
    let Account { user, password: stored } = account.ok_or(Failure::Refused(Refusal::Overtaken))?;
    let hash = stored.ok_or(Failure::Refused(Refusal::WrongPassword))?;
    if core.hasher.check(password, hash.clone(), requester).await? {
        return Ok(Checked { hash, version: user.credential_version });
    }
    // It may have been the right one when the caller authenticated.
    let was_changed = user.credential_version != principal.user.credential_version;
    let is_overtaken = was_changed && !is_live(core, principal).await?;
    Err(Failure::Refused(if is_overtaken { Refusal::Overtaken } else { Refusal::WrongPassword }))
}

async fn is_live(core: &Core, principal: &Principal) -> Result<bool, StoreError> {
    let Some(session) = principal.session_id() else { return Ok(false) };
    let found = core.store.read().await?.sessions().with_user(session).await?;
    Ok(found.is_some_and(|(session, user)| session.is_live(&user, core.clock.now())))
}

/// How far the generation jumps at a re-key: more than a session can rotate while two passwords are hashed.
const GENERATION_JUMP: i64 = 1 << 20;

fn rekeyed_session(
    core: &Core,
    session: &Session,
    client: &ClientInfo,
) -> Result<(Session, PlainToken, Rekey), PortFailure> {
    let now = core.clock.signing_time()?;
    let generation = session.generation.saturating_add(GENERATION_JUMP);
    let mut rekey = Rekey {
        session_id: session.id,
        user_id: session.user_id,
        generation,
        refresh_jti: TokenId::for_refresh(generation, core.entropy.as_ref())?,
        hashed_refresh_token: TokenDigest::from_bytes([0; 32]),
        at: now,
        expires_at: refresh_expiry(core, now).min(session.max_expires_at),
        client: client.clone(),
    };
    let issued = refresh_token(core, &rekey.applied_to(session))?;
    rekey.hashed_refresh_token = issued.digest;
    Ok((rekey.applied_to(session), issued.token, rekey))
}

/// All or nothing: the new hash, the end of the other sessions, the new key of this one.
async fn replace_password(
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    checked: &Checked,
    hash: &PasswordHash,
    rekey: &Rekey,
) -> Result<Result<User, Refusal>, PortFailure> {
    let Some(current) = crate::session::lock(unit, principal, rekey.at).await? else {
        return Ok(Err(Refusal::Overtaken));
    };
    // The version may be another one although the password is not: it ends the tokens of the service before, too.
    let version = current.credential_version;
    let is_checked = checked.version == version
        || unit.credentials().password_of(current.id).await?.as_ref() == Some(&checked.hash);
    if !is_checked || !unit.credentials().change_password(current.id, version, hash, rekey.at).await? {
        return Ok(Err(Refusal::WrongPassword));
    }
    let reason = RevocationReason::PasswordChanged;
    unit.sessions().revoke_all(current.id, Some(rekey.session_id), reason, rekey.at).await?;
    Ok(if unit.sessions().rekey(rekey).await? { Ok(current) } else { Err(Refusal::Overtaken) })
}
