//! Removes all second factors of a user who has lost them.

use super::{Admin, Unconfirmed};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::factor::change;
use crate::kernel::{ClientInfo, UserId};
use crate::outbox::LetterKind;
use crate::session::{RevocationReason, end_all};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// The reason of a reset: 1 to 500 characters, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

/// The text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {} characters, and no control characters", Reason::MAX_CHARS)]
pub struct InvalidReason;

impl Reason {
    /// Longest reason, in characters.
    pub const MAX_CHARS: usize = 500;

    /// Checks a reason. Spaces around it are removed.
    pub fn parse(text: &str) -> Result<Self, InvalidReason> {
        let reason = text.trim();
        let fits = !reason.is_empty() && reason.chars().count() <= Self::MAX_CHARS;
        if fits && !reason.contains(char::is_control) {
            Ok(Self(reason.to_owned()))
        } else {
            Err(InvalidReason)
        }
    }
}

/// Why nothing was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user does not exist.
    NotFound,
    /// The factors are the administrator's own.
    Own,
    /// The request requires a second factor of the administrator, shown recently.
    StepUp(StepUpRequired),
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Removes the factors and recovery codes of the user, and ends all sessions, links and trusted devices. If the user
/// has no factor, it changes nothing.
pub async fn execute(
    core: &Core,
    admin: Admin,
    id: UserId,
    reason: Reason,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    if id == admin.id() {
        return Err(Failure::Refused(Refusal::Own));
    }
    let now = core.clock.now();
    admin.require_second_factor(core, now).map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    let trail = Trail { core, at: now, actor: Some(admin.id()), client };
    let mut unit = core.store.begin().await?;
    match reset(unit.as_mut(), admin, id, reason, &trail).await? {
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

async fn reset(
    unit: &mut dyn UnitOfWork,
    admin: Admin,
    id: UserId,
    Reason(reason): Reason,
    trail: &Trail<'_>,
) -> Result<Result<(), Refusal>, PortFailure> {
    if let Err(unconfirmed) = admin.confirm(unit, trail.at).await? {
        return Ok(Err(Refusal::Unconfirmed(unconfirmed)));
    }
    let Some(user) = unit.users().lock(id).await? else { return Ok(Err(Refusal::NotFound)) };
    if !user.has_factor() {
        return Ok(Ok(()));
    }
    unit.factors().remove_all(id).await?;
    end_all(unit, id, None, RevocationReason::FactorsChanged, trail.at).await?;
    let mut event = trail.event(AuditEventKind::FactorsReset, id, None)?;
    event.reason = Some(reason);
    // The letter names no administrator and no address of one.
    let nowhere = ClientInfo::default();
    change::complete(unit, &user, event, (LetterKind::FactorsReset, &nowhere), trail).await?;
    Ok(Ok(()))
}
