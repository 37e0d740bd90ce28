//! Deletes a user permanently.

use super::{Admin, Unconfirmed};
use crate::account::superuser::{LastSuperuser, require_another};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, UserId};
use crate::outbox::LogoutsOf;
use crate::{Core, Failure};

/// Why the user was not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user does not exist.
    NotFound,
    /// No active superuser would remain.
    LastSuperuser(LastSuperuser),
    /// The account is the caller's own, which requires a more recent authentication.
    StepUp(StepUpRequired),
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Deletes the user and their sessions. The audit events stay.
pub async fn execute(
    core: &Core,
    admin: Admin,
    id: UserId,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let trail = Trail { core, at: core.clock.now(), actor: Some(admin.id()), client };
    let event = trail.event(AuditEventKind::UserDeleted, id, None)?;
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), trail.at).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(superusers) => match require_another(&superusers, id) {
            Err(last) => Some(Refusal::LastSuperuser(last)),
            Ok(()) if unit.users().lock(id).await?.is_none() => Some(Refusal::NotFound),
            Ok(()) if id == admin.id() => admin.require_recent(core, trail.at).err().map(Refusal::StepUp),
            Ok(()) => None,
        },
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.outbox().queue_logouts(LogoutsOf::User { except: None }, id, trail.at).await?;
    unit.users().delete(id).await?;
    unit.audit().record(&event).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
