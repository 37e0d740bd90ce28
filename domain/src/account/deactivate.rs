//! Deactivates the caller's account: a soft delete.

use super::UserChange;
use super::superuser::{LastSuperuser, require_another};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::ClientInfo;
use crate::session::{Principal, RevocationReason, end_all, end_legacy_tokens};
use crate::{Core, Failure};

/// Why the account was not deactivated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The authentication is too old.
    StepUp(StepUpRequired),
    /// No active superuser would remain.
    LastSuperuser(LastSuperuser),
    /// The session ended, or the account was deactivated or deleted, meanwhile.
    ChangedMeanwhile,
}

/// Deactivates the account and revokes all its sessions, in one transaction. The row and the address stay.
pub async fn execute(
    core: &Core,
    principal: &Principal,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let user = &principal.user;
    let now = core.clock.now();
    let own_session = principal
        .require_recent(core, now)
        .map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let event = trail.event(AuditEventKind::UserDeactivated, user.id, Some(own_session.id))?;
    let change = UserChange { is_active: Some(false), ..UserChange::default() };

    let mut unit = core.store.begin().await?;
    let superusers = unit.users().lock_active_superusers().await?;
    let checked = match crate::session::lock(unit.as_mut(), principal, now).await? {
        None => Err(Refusal::ChangedMeanwhile),
        Some(current) => {
            require_another(&superusers, user.id).map(|()| current).map_err(Refusal::LastSuperuser)
        }
    };
    let current = match checked {
        Ok(current) => current,
        Err(refusal) => {
            unit.rollback().await?;
            return Err(Failure::Refused(refusal));
        }
    };
    end_legacy_tokens(core, unit.as_mut(), &current, now).await?;
    unit.users().update(user.id, &change, now).await?;
    end_all(unit.as_mut(), user.id, None, RevocationReason::Deactivated, now).await?;
    unit.trusted_devices().delete_all(user.id).await?;
    unit.audit().record(&event).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
