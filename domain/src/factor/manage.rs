//! Lists, renames and removes the caller's factors, and replaces the recovery codes.

use super::change::{complete, renew_recovery_codes};
use super::{Factor, FactorId, FactorName};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, PlainToken};
use crate::outbox::LetterKind;
use crate::session::{Principal, lock_unchanged};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// Why nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The authentication is too old or too weak.
    StepUp(StepUpRequired),
    /// The user has no such factor; for recovery codes, none at all.
    NotFound,
    /// It is the last factor, and the policy requires one.
    Required,
    /// The session ended, or a credential was changed, meanwhile.
    ChangedMeanwhile,
}

/// The factors of a user.
#[derive(Debug)]
pub struct Factors {
    /// The factors that count, oldest first.
    pub factors: Vec<Factor>,
    /// How many recovery codes are left.
    pub recovery_codes_left: u64,
}

/// Returns the caller's factors.
pub async fn list(core: &Core, principal: &Principal) -> Result<Factors, PortFailure> {
    let user = principal.user.id;
    let mut view = core.store.read().await?;
    let mut factors = view.factors().of_user(user).await?;
    factors.retain(Factor::is_confirmed);
    Ok(Factors { factors, recovery_codes_left: view.factors().recovery_codes_left(user).await? })
}

/// Renames a factor, and returns it.
pub async fn rename(
    core: &Core,
    principal: &Principal,
    id: FactorId,
    name: &FactorName,
) -> Result<Factor, Failure<Refusal>> {
    let now = core.clock.now();
    let mut unit = core.store.begin().await?;
    let renamed = match crate::session::lock(unit.as_mut(), principal, now).await? {
        None => Err(Refusal::ChangedMeanwhile),
        Some(user) => {
            unit.factors().rename(id, user.id, name).await?;
            let factors = unit.factors().of_user(user.id).await?;
            let found = factors.into_iter().find(|factor| factor.id == id && factor.is_confirmed());
            found.ok_or(Refusal::NotFound)
        }
    };
    match renamed {
        Ok(factor) => {
            unit.commit().await?;
            Ok(factor)
        }
        Err(refusal) => {
            unit.rollback().await?;
            Err(Failure::Refused(refusal))
        }
    }
}

/// Removes a factor. With the last one, the recovery codes go too.
pub async fn remove(
    core: &Core,
    principal: &Principal,
    id: FactorId,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let trail = Trail { core, at: core.clock.now(), actor: Some(principal.user.id), client };
    require_strongest(core, principal, &trail)?;
    let mut unit = core.store.begin().await?;
    match take_away(core, unit.as_mut(), principal, id, &trail).await? {
        Ok(()) => {
            unit.commit().await?;
            core.letters_queued();
            Ok(())
        }
        Err(refusal) => {
            unit.rollback().await?;
            Err(Failure::Refused(refusal))
        }
    }
}

async fn take_away(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    id: FactorId,
    trail: &Trail<'_>,
) -> Result<Result<(), Refusal>, PortFailure> {
    let Some(user) = lock_unchanged(unit, principal, trail.at).await? else {
        return Ok(Err(Refusal::ChangedMeanwhile));
    };
    let factors = unit.factors().of_user(user.id).await?;
    let (removed, kept): (Vec<Factor>, Vec<Factor>) =
        factors.into_iter().filter(Factor::is_confirmed).partition(|factor| factor.id == id);
    if removed.is_empty() {
        return Ok(Err(Refusal::NotFound));
    }
    if kept.is_empty() {
        if core.settings.factors.required_for.requires(&user) {
            return Ok(Err(Refusal::Required));
        }
        unit.factors().remove_all(user.id).await?;
    } else {
        unit.factors().remove(id, user.id).await?;
    }
    let event = trail.event(AuditEventKind::FactorRemoved, user.id, principal.session_id())?;
    complete(unit, &user, event, (LetterKind::FactorRemoved, trail.client), trail).await?;
    Ok(Ok(()))
}

/// Replaces the recovery codes, and returns the new ones. They are shown once.
pub async fn replace_recovery_codes(
    core: &Core,
    principal: &Principal,
    client: &ClientInfo,
) -> Result<Vec<PlainToken>, Failure<Refusal>> {
    let trail = Trail { core, at: core.clock.now(), actor: Some(principal.user.id), client };
    require_strongest(core, principal, &trail)?;
    if !principal.user.has_factor() {
        return Err(Failure::Refused(Refusal::NotFound));
    }
    let mut unit = core.store.begin().await?;
    let Some(user) = lock_unchanged(unit.as_mut(), principal, trail.at).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::ChangedMeanwhile));
    };
    let codes = renew_recovery_codes(core, unit.as_mut(), &user).await?;
    let event = trail.event(AuditEventKind::RecoveryCodesReplaced, user.id, principal.session_id())?;
    complete(unit.as_mut(), &user, event, (LetterKind::RecoveryCodesReplaced, client), &trail).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(codes)
}

fn require_strongest(core: &Core, principal: &Principal, trail: &Trail<'_>) -> Result<(), Failure<Refusal>> {
    let required = principal.require_strongest(core, trail.at);
    required.map(drop).map_err(|required| Failure::Refused(Refusal::StepUp(required)))
}
