use time::OffsetDateTime;

use super::letter::ClaimId;
use super::{Content, Letter, LetterKind, LetterState};
use crate::account::User;
use crate::action_token::{self, ActionTokenId, Purpose};
use crate::kernel::{Email, UserId};
use crate::pending_registration::{PendingRegistration, derive_code, derive_link};
use crate::{Core, PortFailure};

/// Decides what a claimed letter says. `None` if there is nothing to say: the letter is a decoy, or what it is about
/// has expired or is gone.
pub(super) async fn prepare(
    core: &Core,
    letter: &mut Letter,
    claim: ClaimId,
    now: OffsetDateTime,
) -> Result<Option<Content>, PortFailure> {
    match letter.kind {
        LetterKind::EmailVerification => verification(core, letter, claim, now).await,
        LetterKind::PasswordReset if letter.action_token_id.is_none() => {
            let found = core.store.read().await?.users().by_login(&letter.recipient).await?;
            let Some(user) = found.filter(|user| user.is_active) else { return Ok(None) };
            issue(core, letter, claim, &user, Purpose::ResetPassword, now).await
        }
        kind if kind.purpose().is_some() => Ok(link(core, letter, now).await?.map(Content::Link)),
        _ => Ok(Some(Content::Notice)),
    }
}

async fn verification(
    core: &Core,
    letter: &mut Letter,
    claim: ClaimId,
    now: OffsetDateTime,
) -> Result<Option<Content>, PortFailure> {
    if letter.action_token_id.is_some() {
        let token = link(core, letter, now).await?;
        return Ok(token.map(|token| Content::Verification { token, code: None }));
    }
    let mut view = core.store.read().await?;
    if let Some(user) = view.users().by_login(&letter.recipient).await? {
        drop(view);
        // The user has registered since, or registers again with an address that has an account.
        return match letter.verification_id {
            Some(_) => already_registered(core, letter, &user, now).await,
            None if user.is_active && user.email_verified_at.is_none() => {
                issue(core, letter, claim, &user, Purpose::VerifyEmail, now).await
            }
            None => Ok(None),
        };
    }
    let found = match letter.verification_id {
        Some(id) => view.pending_registrations().by_id(id).await?,
        None => view.pending_registrations().newest_of(&letter.recipient).await?,
    };
    drop(view);
    let Some(registration) = found.filter(|found| found.expires_at > now) else { return Ok(None) };
    let registration = match letter.verification_id {
        Some(_) => registration,
        None => match renew_code(core, letter, claim, registration, now).await? {
            Some(registration) => registration,
            None => return Ok(None),
        },
    };
    let token = derive_link(core, &registration)?;
    let code = derive_code(core, &registration)?.into_plain();
    let is_code_valid = registration.code_expires_at > now;
    Ok(Some(Content::Verification { token, code: is_code_valid.then_some(code) }))
}

/// Makes the letter one that says that the account exists, at most once per hour.
async fn already_registered(
    core: &Core,
    letter: &mut Letter,
    user: &User,
    now: OffsetDateTime,
) -> Result<Option<Content>, PortFailure> {
    let (kind, since) = (LetterKind::AlreadyRegistered, now - Letter::NOTICE_INTERVAL);
    if core.store.read().await?.outbox().was_delivered(kind, &user.email, since).await? {
        return Ok(None);
    }
    letter.kind = kind;
    letter.user_id = Some(user.id);
    letter.locale = user.locale.clone().or(letter.locale.take());
    // The address of the account, and not the one that the client typed.
    letter.recipient = user.email.clone();
    Ok(Some(Content::Notice))
}

/// Gives the registration a new code, with its id unchanged. The letter remembers the registration, so that a further
/// attempt sends the same code.
async fn renew_code(
    core: &Core,
    letter: &mut Letter,
    claim: ClaimId,
    mut registration: PendingRegistration,
    now: OffsetDateTime,
) -> Result<Option<PendingRegistration>, PortFailure> {
    registration.code_round += 1;
    registration.attempts_left = PendingRegistration::ATTEMPTS;
    registration.code_expires_at = now + PendingRegistration::CODE_LIFETIME;
    letter.verification_id = Some(registration.id);
    letter.expires_at = registration.expires_at.min(letter.expires_at);
    let mut unit = core.store.begin().await?;
    let PendingRegistration { id, code_round, attempts_left, code_expires_at, .. } = registration;
    let renewed =
        unit.pending_registrations().renew_code(id, code_round, attempts_left, code_expires_at).await?;
    if !renewed || !unit.outbox().update(letter, claim).await? {
        unit.rollback().await?;
        return Ok(None);
    }
    unit.commit().await?;
    Ok(Some(registration))
}

/// Creates the token of a letter that a client requested. The letter remembers the token, so that a further attempt
/// sends the same link, and none once the token is void.
async fn issue(
    core: &Core,
    letter: &mut Letter,
    claim: ClaimId,
    user: &User,
    purpose: Purpose,
    now: OffsetDateTime,
) -> Result<Option<Content>, PortFailure> {
    let id = ActionTokenId::generate(now, core.entropy.as_ref())?;
    let mut unit = core.store.begin().await?;
    let Some(user) = lock(unit.as_mut(), user.id, &user.email).await? else {
        unit.rollback().await?;
        return Ok(None);
    };
    let requested_by = (None, &letter.client);
    let (token, secret) =
        action_token::issue(core, id, purpose, &user, user.email.clone(), requested_by, now)?;
    unit.action_tokens().insert(&token).await?;
    letter.user_id = Some(user.id);
    letter.action_token_id = Some(id);
    letter.expires_at = token.expires_at;
    letter.locale = user.locale.clone().or(letter.locale.take());
    // The address of the account, and not the one that the client typed.
    letter.recipient = user.email;
    if !unit.outbox().update(letter, claim).await? {
        unit.rollback().await?;
        return Ok(None);
    }
    unit.commit().await?;
    Ok(Some(match purpose {
        Purpose::VerifyEmail => Content::Verification { token: secret, code: None },
        _ => Content::Link(secret),
    }))
}

async fn lock(
    unit: &mut dyn crate::store::UnitOfWork,
    id: UserId,
    email: &Email,
) -> Result<Option<User>, PortFailure> {
    Ok(unit.users().lock(id).await?.filter(|user| user.is_active && user.email == *email))
}

/// The link of the letter's token, if the token is still valid.
async fn link(
    core: &Core,
    letter: &Letter,
    now: OffsetDateTime,
) -> Result<Option<crate::kernel::PlainToken>, PortFailure> {
    debug_assert_eq!(letter.state, LetterState::Sending);
    let Some(id) = letter.action_token_id else { return Ok(None) };
    let found = core.store.read().await?.action_tokens().by_id(id).await?;
    match found.filter(|token| token.expires_at > now) {
        Some(token) => Ok(Some(action_token::secret_of(core, &token)?)),
        None => Ok(None),
    }
}
