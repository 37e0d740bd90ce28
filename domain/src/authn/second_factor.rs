//! Verifies a second factor, and spends it. Login, step-up and password reset share it.

use time::OffsetDateTime;

use super::{Answer, Evidence, KeyStorage};
use crate::account::User;
use crate::action_token::Purpose;
use crate::audit::{AuditEvent, AuditEventKind, Trail};
use crate::factor::{
    Asserted, Assertion, Budget, Code, Expected, Factor, FactorId, Passkey, PasskeyUse, Spent,
    recovery_codes, step_of,
};
use crate::kernel::{PlainToken, TokenDigest};
use crate::outbox::{Letter, LetterKind, notice};
use crate::store::UnitOfWork;
use crate::{Core, PortFailure};

/// A factor that was verified and is not spent yet.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) evidence: Evidence,
    spend: Spend,
    event: Option<AuditEvent>,
}

#[derive(Debug)]
enum Spend {
    Step(FactorId, i64),
    RecoveryCode(TokenDigest),
    Passkey(FactorId, u32, PasskeyUse),
}

/// The budget that an answer takes from at login and step-up. Passkeys cannot be guessed and have none.
pub(crate) fn budget(answer: &Answer) -> Option<Budget> {
    match answer {
        Answer::Totp(_) => Some(Budget::Totp),
        Answer::RecoveryCode(_) => Some(Budget::RecoveryCode),
        Answer::Passkey(_) => None,
    }
}

/// Verifies an answer, and spends nothing. `None` if it is wrong. The caller has counted the attempt and committed
/// that, so that parallel guesses never beat the limits.
///
/// If the service fails, it returns the code to the budget that it was taken from. Whether a recovery code is right
/// shows only when it is [spent](Verified::spend).
pub(crate) async fn verify(
    core: &Core,
    user: &User,
    (answer, taken_from): (&Answer, Option<Budget>),
    challenge: Option<&PlainToken>,
    trail: &Trail<'_>,
) -> Result<Option<Verified>, PortFailure> {
    let verified = judge(core, user, answer, challenge, trail).await;
    if let (Err(_), Some(budget)) = (&verified, taken_from) {
        let mut unit = core.store.begin().await?;
        unit.factors().return_code(user.id, budget).await?;
        unit.commit().await?;
    }
    verified
}

async fn judge(
    core: &Core,
    user: &User,
    answer: &Answer,
    challenge: Option<&PlainToken>,
    trail: &Trail<'_>,
) -> Result<Option<Verified>, PortFailure> {
    match answer {
        Answer::Totp(code) => {
            let factors = core.store.read().await?.factors().of_user(user.id).await?;
            Ok(verify_totp(core, &factors, code, trail.at)?)
        }
        Answer::RecoveryCode(code) => {
            let event = trail.event(AuditEventKind::RecoveryCodeUsed, user.id, None)?;
            let spend = Spend::RecoveryCode(code.digest(core));
            Ok(Some(Verified { evidence: Evidence::RecoveryCode, spend, event: Some(event) }))
        }
        Answer::Passkey(assertion) => {
            let found = core.store.read().await?.factors().by_credential(&assertion.credential_id).await?;
            let own = found.filter(|factor| factor.user_id == user.id);
            let (Some(factor), Some(challenge)) = (own, challenge) else { return Ok(None) };
            let asked = Asked { challenge, is_passwordless: false };
            verify_passkey(core, &factor, assertion, asked, trail)
        }
    }
}

fn verify_totp(
    core: &Core,
    factors: &[Factor],
    code: &Code,
    now: OffsetDateTime,
) -> Result<Option<Verified>, PortFailure> {
    let mut failure = None;
    for factor in factors {
        let Some(totp) = factor.confirmed_totp() else { continue };
        match step_of(core, factor, totp, code, now) {
            Ok(Some(step)) => {
                let spend = Spend::Step(factor.id, step);
                return Ok(Some(Verified { evidence: Evidence::Totp, spend, event: None }));
            }
            Ok(None) => {}
            // A secret that cannot be opened does not close the other apps.
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(None), |error| Err(error.into()))
}

/// What a passkey was asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) challenge: &'a PlainToken,
    /// Whether the passkey replaces the password: then it must verify and name the user.
    pub(super) is_passwordless: bool,
}

/// Verifies the answer of this passkey.
pub(super) fn verify_passkey(
    core: &Core,
    factor: &Factor,
    assertion: &Assertion,
    asked: Asked<'_>,
    trail: &Trail<'_>,
) -> Result<Option<Verified>, PortFailure> {
    let Some(passkey) = factor.passkey() else { return Ok(None) };
    let Some(relying_party) = &core.settings.factors.relying_party else { return Ok(None) };
    let expected = Expected {
        challenge: asked.challenge.expose(),
        relying_party,
        needs_user_verification: asked.is_passwordless,
    };
    if asked.is_passwordless && assertion.user_handle.is_none() {
        return Ok(None);
    }
    let Ok(asserted) = core.passkeys.verify_assertion(assertion, passkey, &expected) else { return Ok(None) };
    let rises = counter_rises(passkey, asserted);
    // A key that cannot be copied has one counter, which only rises.
    if !rises && !passkey.is_backup_eligible {
        return Ok(None);
    }
    let regressed = AuditEventKind::PasskeyCounterRegressed;
    let event = (!rises).then(|| trail.event(regressed, factor.user_id, None)).transpose()?;
    let evidence = if asserted.verified_user { Evidence::VerifyingPasskey } else { Evidence::Passkey };
    let spend = Spend::Passkey(factor.id, passkey.sign_count, asserted.into());
    Ok(Some(Verified { evidence: evidence(storage(passkey)), spend, event }))
}

/// Whether the counter rises, or the authenticator has none (WebAuthn Level 3 section 6.1.1).
fn counter_rises(passkey: &Passkey, asserted: Asserted) -> bool {
    asserted.sign_count > passkey.sign_count || (asserted.sign_count == 0 && passkey.sign_count == 0)
}

impl Verified {
    /// Spends the factor within a unit that has locked the user, and does all that follows from a factor that was
    /// shown: it opens the closed methods, and keeps factors whose removal was requested. `false` if another request
    /// has spent it, or if a recovery code is wrong.
    pub(crate) async fn spend(
        &self,
        unit: &mut dyn UnitOfWork,
        user: &User,
        taken_from: Option<Budget>,
        trail: &Trail<'_>,
    ) -> Result<bool, PortFailure> {
        let at = trail.at;
        let is_spent = match &self.spend {
            Spend::Step(id, step) => unit.factors().accept_step(*id, user.id, *step, at).await?,
            Spend::RecoveryCode(digest) => unit.factors().spend_recovery_code(user.id, digest).await?,
            Spend::Passkey(id, count, used) => {
                unit.factors().use_passkey(*id, user.id, *count, *used, at).await?
            }
        };
        if !is_spent {
            return Ok(false);
        }
        if let Some(budget) = taken_from {
            unit.factors().return_code(user.id, budget).await?;
        }
        unit.factors().reopen_budgets(user.id, taken_from).await?;
        unit.action_tokens().void(user.id, Purpose::KeepFactors).await?;
        if let Some(event) = &self.event {
            unit.audit().record(event).await?;
        }
        if self.evidence == Evidence::RecoveryCode {
            announce_use(unit, user, trail).await?;
        }
        Ok(true)
    }
}

/// Puts a letter about the use of a recovery code into the outbox: at each use, with a warning when few are left.
async fn announce_use(unit: &mut dyn UnitOfWork, user: &User, trail: &Trail<'_>) -> Result<(), PortFailure> {
    let left = unit.factors().recovery_codes_left(user.id).await?;
    let is_low = left <= recovery_codes::FEW;
    let kind = if is_low { LetterKind::RecoveryCodesLow } else { LetterKind::RecoveryCodeUsed };
    if let Some(letter) = notice(trail.core, kind, user, trail.client, trail.at)? {
        unit.outbox().insert(&letter).await?;
    }
    Ok(())
}

/// Records that a wrong code has used a budget up, and announces it to the user.
pub(crate) async fn note_closed(
    core: &Core,
    user: &User,
    spent: Option<Spent>,
    trail: &Trail<'_>,
) -> Result<(), PortFailure> {
    if spent.is_none_or(|spent| spent.taken < spent.budget.limit()) {
        return Ok(());
    }
    let event = trail.event(AuditEventKind::FactorClosed, user.id, None)?;
    let letter = notice(core, LetterKind::FactorClosed, user, trail.client, trail.at)?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(user.id).await?;
    unit.audit().record(&event).await?;
    if let Some(letter) = letter {
        unit.outbox().insert_once_since(&letter, trail.at - Letter::NOTICE_INTERVAL).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// Where the private key of a passkey is.
fn storage(passkey: &Passkey) -> KeyStorage {
    if passkey.is_backup_eligible { KeyStorage::Software } else { KeyStorage::Hardware }
}
