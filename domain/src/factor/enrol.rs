//! Enrols authenticator apps and passkeys.

use super::change::{complete, renew_recovery_codes};
use super::{
    Creation, CredentialId, Expected, Factor, FactorId, FactorKind, FactorName, Passkey, Totp, UserHandle,
    totp,
};
use crate::account::User;
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::challenge::{self, Challenge, ChallengePurpose};
use crate::factor::Code;
use crate::kernel::{ClientInfo, PlainToken};
use crate::outbox::LetterKind;
use crate::session::{Principal, RevocationReason, Session, end_all, lock_unchanged};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// Why nothing was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The authentication is too old or too weak.
    StepUp(StepUpRequired),
    /// The user has as many factors of this kind as are allowed.
    TooMany,
    /// There is no authenticator app with this id that waits for its confirmation.
    NotFound,
    /// The code is wrong.
    WrongCode,
    /// The service has no domain to which passkeys can be bound.
    NotRelyingParty,
    /// The challenge is unknown, used, expired or void, or belongs to another session.
    ChallengeOver,
    /// The answer of the passkey is not valid. The text is for the log.
    InvalidPasskey(&'static str),
    /// The passkey is enrolled already.
    PasskeyTaken,
    /// The session ended, or a credential was changed, meanwhile.
    ChangedMeanwhile,
}

/// An authenticator app that waits for its confirmation.
#[derive(Debug)]
pub struct NewTotp {
    /// The factor.
    pub id: FactorId,
    /// The secret in base32, for a person who types it.
    pub secret: PlainToken,
    /// The key URI, for a QR code.
    pub uri: PlainToken,
}

/// Options to create a passkey: `PublicKeyCredentialCreationOptions` (WebAuthn Level 3 section 5.4).
#[derive(Debug)]
pub struct PasskeyOptions {
    /// The challenge, in base64url.
    pub challenge: PlainToken,
    /// The id of the relying party.
    pub relying_party_id: String,
    /// The name of the service.
    pub service_name: String,
    /// The handle of the user.
    pub user_handle: UserHandle,
    /// The address of the user.
    pub user_name: String,
    /// The passkeys that the user has, with their transports.
    pub excluded: Vec<(CredentialId, Vec<String>)>,
}

/// An enrolled factor.
#[derive(Debug)]
pub struct Enrolled {
    /// The factor.
    pub factor: Factor,
    /// Recovery codes, with the first factor of the account. They are shown once.
    pub recovery_codes: Option<Vec<PlainToken>>,
}

/// Creates the secret of an authenticator app. It counts when a code has [confirmed](confirm_totp) it, and replaces one
/// that was not confirmed.
pub async fn begin_totp(
    core: &Core,
    principal: &Principal,
    name: Option<FactorName>,
    client: &ClientInfo,
) -> Result<NewTotp, Failure<Refusal>> {
    let user = &principal.user;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user.id), client };
    own_session(core, principal, &trail)?;
    let id = FactorId::generate(trail.at, core.entropy.as_ref())?;
    let secret = totp::new_secret(core)?;
    let sealed = totp::seal(core, (id, user.id), &secret)?;
    let kind = Totp { key_id: sealed.key, sealed_secret: sealed.bytes, is_confirmed: false, last_step: 0 };
    let factor = new_factor(id, user, name, FactorKind::Totp(kind), &trail);
    let mut unit = core.store.begin().await?;
    match add_totp(unit.as_mut(), principal, &factor, &trail).await? {
        Ok(()) => unit.commit().await?,
        Err(refusal) => {
            unit.rollback().await?;
            return Err(Failure::Refused(refusal));
        }
    }
    let secret = totp::to_text(&secret);
    let uri = totp::uri(core, &user.email, &secret);
    Ok(NewTotp { id, secret, uri })
}

async fn add_totp(
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    factor: &Factor,
    trail: &Trail<'_>,
) -> Result<Result<(), Refusal>, PortFailure> {
    let Some(user) = lock_unchanged(unit, principal, trail.at).await? else {
        return Ok(Err(Refusal::ChangedMeanwhile));
    };
    unit.factors().remove_unconfirmed(user.id).await?;
    let factors = unit.factors().of_user(user.id).await?;
    if factors.iter().filter_map(Factor::confirmed_totp).count() >= Factor::MAX_TOTP {
        return Ok(Err(Refusal::TooMany));
    }
    unit.factors().insert(factor).await?;
    Ok(Ok(()))
}

/// Confirms an authenticator app by a code: from now on it counts.
pub async fn confirm_totp(
    core: &Core,
    principal: &Principal,
    id: FactorId,
    code: &Code,
    client: &ClientInfo,
) -> Result<Enrolled, Failure<Refusal>> {
    let user = &principal.user;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user.id), client };
    own_session(core, principal, &trail)?;
    let factors = core.store.read().await?.factors().of_user(user.id).await?;
    let found = factors.into_iter().find(|factor| factor.id == id && !factor.is_confirmed());
    let mut factor = found.ok_or(Failure::Refused(Refusal::NotFound))?;
    let FactorKind::Totp(totp) = &factor.kind else { return Err(Failure::Refused(Refusal::NotFound)) };
    let step = totp::step_of(core, &factor, totp, code, trail.at)?;
    let step = step.ok_or(Failure::Refused(Refusal::WrongCode))?;
    factor.kind = FactorKind::Totp(Totp { is_confirmed: true, last_step: step, ..totp.clone() });
    enrol(core, principal, factor, Confirmation::Step(step), &trail).await
}

/// Creates the options for a new passkey.
pub async fn passkey_options(
    core: &Core,
    principal: &Principal,
    client: &ClientInfo,
) -> Result<PasskeyOptions, Failure<Refusal>> {
    let user = &principal.user;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user.id), client };
    let session = own_session(core, principal, &trail)?;
    let settings = &core.settings.factors;
    let relying_party = settings.relying_party.as_ref();
    let relying_party = relying_party.ok_or(Failure::Refused(Refusal::NotRelyingParty))?;
    let factors = core.store.read().await?.factors().of_user(user.id).await?;
    let passkeys: Vec<&Passkey> = factors.iter().filter_map(Factor::passkey).collect();
    if passkeys.len() >= Factor::MAX_PASSKEYS {
        return Err(Failure::Refused(Refusal::TooMany));
    }
    let user_handle = match passkeys.first() {
        Some(passkey) => passkey.user_handle,
        None => new_handle(core)?,
    };
    let bound_to = Some((user, Some(session.id)));
    let purpose = ChallengePurpose::EnrolPasskey;
    let (token, challenge) = challenge::create(core, purpose, bound_to, Some(user_handle), trail.at)?;
    challenge::store(core, &challenge).await?;
    Ok(PasskeyOptions {
        challenge: token,
        relying_party_id: relying_party.id.clone(),
        service_name: settings.service_name.clone(),
        user_handle,
        user_name: user.email.as_str().to_owned(),
        excluded: passkeys.iter().map(|one| (one.credential_id.clone(), one.transports.clone())).collect(),
    })
}

fn new_handle(core: &Core) -> Result<UserHandle, PortFailure> {
    let mut handle = [0; 32];
    core.entropy.fill(&mut handle)?;
    Ok(UserHandle::from_bytes(handle))
}

/// Enrols the passkey that a browser has created.
pub async fn enrol_passkey(
    core: &Core,
    principal: &Principal,
    creation: Creation,
    name: Option<FactorName>,
    client: &ClientInfo,
) -> Result<Enrolled, Failure<Refusal>> {
    let user = &principal.user;
    let trail = Trail { core, at: core.clock.now(), actor: Some(user.id), client };
    let session = own_session(core, principal, &trail)?;
    let relying_party = core.settings.factors.relying_party.as_ref();
    let relying_party = relying_party.ok_or(Failure::Refused(Refusal::NotRelyingParty))?;
    let over = || Failure::Refused(Refusal::ChallengeOver);
    let found =
        challenge::find_named(core, &creation.client_data, ChallengePurpose::EnrolPasskey, trail.at).await?;
    let own = found.filter(|(_, challenge)| challenge.is_for(user, Some(session.id)));
    let (text, challenge) = own.ok_or_else(over)?;
    let user_handle = challenge.user_handle.ok_or_else(over)?;
    let expected = Expected { challenge: text.expose(), relying_party, needs_user_verification: false };
    let created = core
        .passkeys
        .verify_creation(&creation, &expected)
        .map_err(|invalid| Failure::Refused(Refusal::InvalidPasskey(invalid.0)))?;
    let passkey = Passkey {
        credential_id: creation.credential_id,
        public_key: created.public_key,
        algorithm: created.algorithm,
        sign_count: created.sign_count,
        is_backup_eligible: created.is_backup_eligible,
        is_backed_up: created.is_backed_up,
        verifies_user: created.verified_user,
        user_handle,
        transports: creation.transports,
    };
    let id = FactorId::generate(trail.at, core.entropy.as_ref())?;
    let factor = new_factor(id, user, name, FactorKind::Passkey(passkey), &trail);
    enrol(core, principal, factor, Confirmation::Challenge(challenge), &trail).await
}

/// What makes a factor count.
enum Confirmation {
    /// The step of a code, of an authenticator app.
    Step(i64),
    /// The challenge that a passkey has answered.
    Challenge(Challenge),
}

/// Stores the factor, with recovery codes if it is the first one: all or nothing.
async fn enrol(
    core: &Core,
    principal: &Principal,
    factor: Factor,
    confirmation: Confirmation,
    trail: &Trail<'_>,
) -> Result<Enrolled, Failure<Refusal>> {
    let mut unit = core.store.begin().await?;
    match add(core, unit.as_mut(), principal, &factor, confirmation, trail).await? {
        Ok(recovery_codes) => {
            unit.commit().await?;
            core.letters_queued();
            Ok(Enrolled { factor, recovery_codes })
        }
        Err(refusal) => {
            unit.rollback().await?;
            Err(Failure::Refused(refusal))
        }
    }
}

async fn add(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    factor: &Factor,
    confirmation: Confirmation,
    trail: &Trail<'_>,
) -> Result<Result<Option<Vec<PlainToken>>, Refusal>, PortFailure> {
    let Some(user) = lock_unchanged(unit, principal, trail.at).await? else {
        return Ok(Err(Refusal::ChangedMeanwhile));
    };
    match confirmation {
        Confirmation::Step(step) => {
            if !unit.factors().confirm_totp(factor.id, user.id, step).await? {
                return Ok(Err(Refusal::NotFound));
            }
        }
        Confirmation::Challenge(challenge) => {
            if !unit.challenges().spend(challenge.id, trail.at).await? {
                return Ok(Err(Refusal::ChallengeOver));
            }
            if !unit.factors().insert(factor).await? {
                return Ok(Err(Refusal::PasskeyTaken));
            }
        }
    }
    let factors = unit.factors().of_user(user.id).await?;
    if factors.iter().filter_map(Factor::passkey).count() > Factor::MAX_PASSKEYS {
        return Ok(Err(Refusal::TooMany));
    }
    let recovery_codes = if user.has_factor() {
        None
    } else {
        if core.settings.factors.required_for.requires(&user) {
            // The other sessions showed no factor, and would no longer be limited to the enrolment.
            let (own, reason) = (principal.session_id(), RevocationReason::FactorsChanged);
            end_all(unit, user.id, own, reason, trail.at).await?;
        }
        Some(renew_recovery_codes(core, unit, &user).await?)
    };
    let event = trail.event(AuditEventKind::FactorEnrolled, user.id, principal.session_id())?;
    complete(unit, &user, event, (LetterKind::FactorEnrolled, trail.client), trail).await?;
    Ok(Ok(recovery_codes))
}

fn own_session<'a>(
    core: &Core,
    principal: &'a Principal,
    trail: &Trail<'_>,
) -> Result<&'a Session, Failure<Refusal>> {
    principal
        .require_strongest(core, trail.at)
        .map_err(|required| Failure::Refused(Refusal::StepUp(required)))
}

fn new_factor(
    id: FactorId,
    user: &User,
    name: Option<FactorName>,
    kind: FactorKind,
    trail: &Trail<'_>,
) -> Factor {
    Factor { id, user_id: user.id, name, created_at: trail.at, last_used_at: None, kind }
}
