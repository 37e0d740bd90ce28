//! Confirms a change of address, or undoes it.

use time::OffsetDateTime;

use super::{Updated, User, UserChange};
use crate::action_token::{self, ActionToken, ActionTokenId, Parsed, Purpose, issue};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Acr;
use crate::factor::Factor;
use crate::kernel::{ClientInfo, Email};
use crate::outbox::{LetterKind, NewLetter};
use crate::session::{RevocationReason, end_all, end_legacy_tokens};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// Why the address did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is wrong, used or expired, or has another purpose.
    Invalid,
    /// Another user has the address. The token was not spent.
    EmailTaken,
}

/// Confirms a new address by the link in the letter to it. All sessions end except the one that requested the change.
pub async fn confirm(core: &Core, token: &str, client: &ClientInfo) -> Result<(), Failure<Refusal>> {
    let now = core.clock.now();
    let found = find(core, token, Purpose::ChangeEmail, now).await?;
    let user = found.user_id;
    let trail = Trail { core, at: now, actor: Some(user), client };
    let event = trail.event(AuditEventKind::EmailChanged, user, found.session_id)?;
    let mut unit = core.store.begin().await?;
    if let Err(refusal) = apply(core, unit.as_mut(), &found, now).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(())
}

async fn apply(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    token: &ActionToken,
    now: OffsetDateTime,
) -> Result<Result<(), Refusal>, PortFailure> {
    let locked = unit.users().lock(token.user_id).await?;
    let fits = |user: &User| user.is_active && user.credential_version == token.credential_version;
    let Some(user) = locked.filter(fits) else { return Ok(Err(Refusal::Invalid)) };
    if !unit.action_tokens().spend(token.id, &token.hashed_token, now).await? {
        return Ok(Err(Refusal::Invalid));
    }
    let change = to(&token.email, &user, now);
    if unit.users().update(user.id, &change, now).await? == Updated::EmailTaken
        || unit.action_tokens().is_reserved(&token.email, user.id, now).await?
    {
        return Ok(Err(Refusal::EmailTaken));
    }
    end_legacy_tokens(core, unit, &user, now).await?;
    action_token::void_all(unit, user.id).await?;
    let kept = match token.session_id {
        Some(session) if unit.sessions().is_live(session, user.id, now).await? => Some(session),
        _ => None,
    };
    end_all(unit, user.id, kept, RevocationReason::EmailChanged, now).await?;
    Ok(Ok(()))
}

/// Restores the former address by the link in the letter to it. The person who changed it may have stolen the account:
/// the password is voided, factors that were enrolled since are removed, all sessions and tokens end, and a letter to
/// the restored address lets its owner set a new one.
pub async fn undo(core: &Core, token: &str, client: &ClientInfo) -> Result<(), Failure<Refusal>> {
    let now = core.clock.now();
    let found = find(core, token, Purpose::UndoEmail, now).await?;
    let trail = Trail { core, at: now, actor: Some(found.user_id), client };
    let event = trail.event(AuditEventKind::EmailRestored, found.user_id, None)?;
    let mut unit = core.store.begin().await?;
    if let Err(refusal) = restore(core, unit.as_mut(), &found, client, now).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

async fn restore(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    token: &ActionToken,
    client: &ClientInfo,
    now: OffsetDateTime,
) -> Result<Result<(), Refusal>, PortFailure> {
    let Some(user) = unit.users().lock(token.user_id).await? else { return Ok(Err(Refusal::Invalid)) };
    if !unit.action_tokens().spend(token.id, &token.hashed_token, now).await? {
        return Ok(Err(Refusal::Invalid));
    }
    let change = to(&token.email, &user, now);
    if unit.users().update(user.id, &change, now).await? == Updated::EmailTaken {
        return Ok(Err(Refusal::EmailTaken));
    }
    unit.credentials().void_password(user.id, user.credential_version, now).await?;
    remove_later_factors(unit, &user, token, now).await?;
    action_token::void_all(unit, user.id).await?;
    unit.action_tokens().void_undo_after(user.id, token.created_at).await?;
    end_all(unit, user.id, None, RevocationReason::EmailChanged, now).await?;
    let Some(user) = unit.users().lock(user.id).await? else { return Ok(Err(Refusal::Invalid)) };
    if core.mail.is_some() {
        let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
        let email = user.email.clone();
        let (reset, _) = issue(core, id, Purpose::ResetPassword, &user, email, (None, client), now)?;
        let letter = NewLetter::to_user(LetterKind::PasswordReset, &user, client).with_link(&reset);
        unit.action_tokens().insert(&reset).await?;
        unit.outbox().insert(&letter.write(core, now)?).await?;
    }
    Ok(Ok(()))
}

/// Removes the factors that were enrolled since the address was changed: by the person who changed it. Factors from
/// before stay, so that the mailbox alone never removes one of them.
async fn remove_later_factors(
    unit: &mut dyn UnitOfWork,
    user: &User,
    token: &ActionToken,
    now: OffsetDateTime,
) -> Result<(), PortFailure> {
    unit.trusted_devices().delete_all(user.id).await?;
    let factors = unit.factors().of_user(user.id).await?;
    let (later, kept): (Vec<Factor>, Vec<Factor>) =
        factors.into_iter().partition(|factor| factor.created_at > token.created_at);
    if later.is_empty() {
        return Ok(());
    }
    let highest_acr = Factor::highest_acr(&kept);
    if highest_acr == Acr::Aal1 {
        unit.factors().remove_all(user.id).await?;
    } else {
        for factor in &later {
            unit.factors().remove(factor.id, user.id).await?;
        }
    }
    let Some(user) = unit.users().lock(user.id).await? else { return Ok(()) };
    unit.credentials().change_factors(user.id, user.credential_version, highest_acr, now).await?;
    Ok(())
}

/// The change to an address that its owner has just proven.
fn to(email: &Email, user: &User, now: OffsetDateTime) -> UserChange {
    let email = Some(email.clone());
    UserChange { email, email_verified_at: Some(Some(now)), ..UserChange::default() }.against(user)
}

async fn find(
    core: &Core,
    token: &str,
    purpose: Purpose,
    now: OffsetDateTime,
) -> Result<ActionToken, Failure<Refusal>> {
    let invalid = || Failure::Refused(Refusal::Invalid);
    let parsed = Parsed::parse(token).ok_or_else(invalid)?;
    action_token::find(core, &parsed, purpose, now).await?.ok_or_else(invalid)
}
