//! Verifies an address: by the code or the link in a letter.

use time::OffsetDateTime;

use super::{Inserted, NotCreated, Updated, User, UserChange};
use crate::action_token::{ActionToken, ActionTokenId, Parsed, Purpose};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::Acr;
use crate::credential::password_policy;
use crate::credential::{Account, ClientTrust, Password, PasswordHash, Requester};
use crate::kernel::{ClientInfo, Email, Locale, UserId};
use crate::outbox::{LetterKind, NewLetter};
use crate::pending_registration::{PendingRegistration, VerificationId, derive_code};
use crate::session::Principal;
use crate::{Core, Failure, PortFailure};

/// Why the address was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The code or the token is wrong, used or expired, or belongs to another account.
    Invalid,
    /// The link alone proves only the mailbox: a password is needed as well. The token was not spent.
    PasswordNeeded,
    /// The password is not the one of the account. The token was not spent.
    WrongPassword,
    /// The user could not be created. The token was not spent.
    NotCreated(NotCreated),
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// The user was created.
    Created(User),
    /// The user existed already.
    Existing(User),
}

/// Creates the user of a pending registration. The code proves the mailbox, and the id proves who registered: so the
/// password is the one of the registration.
///
/// Every attempt counts, however many are concurrent (OWASP ASVS 5.0, 6.6.3).
pub async fn by_code(
    core: &Core,
    id: VerificationId,
    code: &str,
    client: &ClientInfo,
) -> Result<User, Failure<Refusal>> {
    let now = core.clock.now();
    let mut unit = core.store.begin().await?;
    let counted = unit.pending_registrations().count_attempt(id, now).await?;
    unit.commit().await?;
    let registration = counted.ok_or(Failure::Refused(Refusal::Invalid))?;
    if !derive_code(core, &registration)?.is(code) {
        return Err(Failure::Refused(Refusal::Invalid));
    }
    let hash = registration.password.clone();
    create(core, registration, hash, client, now).await
}

/// Verifies by the link. Of a pending registration it creates the user with this password: the client that registered
/// may be another person than the owner of the mailbox. Of an existing user it needs the session or the password of the
/// account.
pub async fn by_link(
    core: &Core,
    token: &str,
    password: Option<Password>,
    principal: Option<&Principal>,
    client: &ClientInfo,
) -> Result<Verified, Failure<Refusal>> {
    let now = core.clock.now();
    let invalid = || Failure::Refused(Refusal::Invalid);
    let parsed = Parsed::parse(token).ok_or_else(invalid)?;
    match find(core, &parsed, now).await?.ok_or_else(invalid)? {
        Found::User(token) => {
            verify_user(core, &token, password, principal, client, now).await.map(Verified::Existing)
        }
        Found::Pending(registration) => {
            let password = password.ok_or(Failure::Refused(Refusal::PasswordNeeded))?;
            password_policy::check_new(&password, &registration.email, &core.settings.context_words)
                .map_err(|weak| Failure::Refused(Refusal::NotCreated(NotCreated::WeakPassword(weak))))?;
            let requester = Requester::new(client, ClientTrust::Recognised);
            let hash = core.hasher.hash(password, requester).await?;
            create(core, *registration, hash, client, now).await.map(Verified::Created)
        }
    }
}

/// What a verification link belongs to.
pub(crate) enum Found {
    /// A user who has not verified the address.
    User(Box<ActionToken>),
    /// A registration.
    Pending(Box<PendingRegistration>),
}

/// Finds what a valid verification link belongs to.
pub(crate) async fn find(
    core: &Core,
    parsed: &Parsed,
    now: OffsetDateTime,
) -> Result<Option<Found>, PortFailure> {
    let digest = core.verifier.digest(parsed.token());
    let mut view = core.store.read().await?;
    let token = view.action_tokens().by_id(ActionTokenId::from_uuid(parsed.id())).await?;
    if let Some(token) = token {
        let fits =
            token.purpose == Purpose::VerifyEmail && token.hashed_token == digest && token.expires_at > now;
        return Ok(fits.then(|| Found::User(Box::new(token))));
    }
    let found = view.pending_registrations().by_id(VerificationId::from_uuid(parsed.id())).await?;
    let found = found.filter(|found| found.hashed_token == digest && found.expires_at > now);
    Ok(found.map(|found| Found::Pending(Box::new(found))))
}

async fn create(
    core: &Core,
    registration: PendingRegistration,
    hash: PasswordHash,
    client: &ClientInfo,
    now: OffsetDateTime,
) -> Result<User, Failure<Refusal>> {
    let PendingRegistration { id, email, tier, locale, hashed_token, .. } = registration;
    let user = User {
        id: UserId::generate(now, core.entropy.as_ref())?,
        email,
        is_active: true,
        is_superuser: false,
        tier,
        created_at: now,
        updated_at: now,
        email_verified_at: Some(now),
        email_undeliverable_at: None,
        locale,
        credential_version: 0,
        sessions_epoch: 0,
        highest_acr: Acr::Aal1,
    };
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let events = [
        trail.event(AuditEventKind::UserRegistered, user.id, None)?,
        trail.event(AuditEventKind::EmailVerified, user.id, None)?,
    ];
    let account = Account { user, password: Some(hash) };
    let user = &account.user;
    let mut unit = core.store.begin().await?;
    let refusal = if !unit.pending_registrations().spend(id, &hashed_token, now).await? {
        Some(Refusal::Invalid)
    } else if unit.users().insert(&account).await? == Inserted::EmailTaken
        || unit.action_tokens().is_reserved(&user.email, user.id, now).await?
    {
        Some(Refusal::NotCreated(NotCreated::EmailTaken))
    } else {
        None
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.pending_registrations().delete_all(&user.email).await?;
    unit.audit().record_all(&events).await?;
    unit.commit().await?;
    Ok(account.user)
}

async fn verify_user(
    core: &Core,
    token: &ActionToken,
    password: Option<Password>,
    principal: Option<&Principal>,
    client: &ClientInfo,
    now: OffsetDateTime,
) -> Result<User, Failure<Refusal>> {
    let principal = principal.filter(|principal| principal.user().id == token.user_id);
    if principal.is_none() {
        check_password(core, token.user_id, password, client).await?;
    }
    let session = principal.and_then(Principal::session_id);
    let trail = Trail { core, at: now, actor: Some(token.user_id), client };
    let event = trail.event(AuditEventKind::EmailVerified, token.user_id, session)?;
    let mut unit = core.store.begin().await?;
    let locked = match principal {
        Some(principal) => crate::session::lock(unit.as_mut(), principal, now).await?,
        None => unit.users().lock(token.user_id).await?,
    };
    let fits = locked.as_ref().is_some_and(|user| {
        user.is_active && user.credential_version == token.credential_version && user.email == token.email
    });
    if !fits || !unit.action_tokens().spend(token.id, &token.hashed_token, now).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::Invalid));
    }
    let change = UserChange { email_verified_at: Some(Some(now)), ..UserChange::default() };
    let Updated::Updated(user) = unit.users().update(token.user_id, &change, now).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::Invalid));
    };
    unit.audit().record(&event).await?;
    unit.commit().await?;
    Ok(user)
}

async fn check_password(
    core: &Core,
    user: UserId,
    password: Option<Password>,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let password = password.ok_or(Failure::Refused(Refusal::PasswordNeeded))?;
    let account = core.store.read().await?.credentials().by_id(user).await?;
    let hash = account.and_then(|account| account.password);
    let hash = hash.ok_or(Failure::Refused(Refusal::WrongPassword))?;
    let requester = Requester::new(client, ClientTrust::Recognised);
    let is_right = core.hasher.check(password, hash, requester).await?;
    if is_right { Ok(()) } else { Err(Failure::Refused(Refusal::WrongPassword)) }
}

/// Requests another letter. The request does the same work for any address: the worker finds out whether there is
/// anything to verify.
pub async fn resend(
    core: &Core,
    email: Email,
    locale: Option<Locale>,
    client: &ClientInfo,
) -> Result<(), PortFailure> {
    let letter = NewLetter::requested(LetterKind::EmailVerification, email, locale, client);
    let letter = letter.write(core, core.clock.now())?;
    let mut unit = core.store.begin().await?;
    unit.outbox().insert(&letter).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// What a link was about that was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// A registration, which is gone.
    Registration,
    /// The address of an existing user, which stays unverified.
    Verification,
}

/// Discards a pending registration or a verification at the wish of the owner of the mailbox, who did not request it.
pub async fn discard(core: &Core, token: &str) -> Result<Discarded, Failure<Refusal>> {
    let now = core.clock.now();
    let invalid = || Failure::Refused(Refusal::Invalid);
    let parsed = Parsed::parse(token).ok_or_else(invalid)?;
    let found = find(core, &parsed, now).await?.ok_or_else(invalid)?;
    let mut unit = core.store.begin().await?;
    let (spent, discarded) = match found {
        Found::User(token) => {
            unit.users().lock(token.user_id).await?;
            let spent = unit.action_tokens().spend(token.id, &token.hashed_token, now).await?;
            (spent, Discarded::Verification)
        }
        Found::Pending(found) => {
            let spent = unit.pending_registrations().spend(found.id, &found.hashed_token, now).await?;
            (spent, Discarded::Registration)
        }
    };
    unit.commit().await?;
    if spent { Ok(discarded) } else { Err(invalid()) }
}
