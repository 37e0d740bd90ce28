//! Changes a user.

use super::{Admin, Unconfirmed};
use crate::account::superuser::{LastSuperuser, require_another};
use crate::account::tier_choice::{self, TierRefused};
use crate::account::{Updated, User, UserChange};
use crate::action_token;
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, Email, UserId};
use crate::session::{RevocationReason, end_all, end_legacy_tokens};
use crate::store::UnitOfWork;
use crate::{Core, Failure};

/// The requested changes; `None` keeps the value.
#[derive(Debug, Default)]
pub struct Command {
    /// The new address.
    pub email: Option<Email>,
    /// The new tier.
    pub tier: Option<String>,
    /// Activate or deactivate.
    pub is_active: Option<bool>,
    /// Grant or revoke the superuser right.
    pub is_superuser: Option<bool>,
}

/// Why nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user does not exist.
    NotFound,
    /// Another user has the address.
    EmailTaken,
    /// The tier does not exist.
    Tier(TierRefused),
    /// No active superuser would remain.
    LastSuperuser(LastSuperuser),
    /// The change requires a more recent authentication: it makes a superuser, or it changes the address of the
    /// caller's own account or deactivates it.
    StepUp(StepUpRequired),
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Changes the user, and returns the user after the change. A user who loses a right immediately loses all sessions.
pub async fn execute(
    core: &Core,
    admin: Admin,
    id: UserId,
    command: Command,
    client: &ClientInfo,
) -> Result<User, Failure<Refusal>> {
    let tier = command.tier.map(|name| tier_choice::given_by_superuser(&core.settings.tiers, &name));
    let tier = tier.transpose().map_err(|refused| Failure::Refused(Refusal::Tier(refused)))?;
    let wanted = UserChange {
        email: command.email,
        email_verified_at: None,
        tier,
        is_active: command.is_active,
        is_superuser: command.is_superuser,
    };
    let mut unit = core.store.begin().await?;
    match apply(core, unit.as_mut(), admin, id, wanted, client).await {
        Ok(user) => {
            unit.commit().await?;
            core.letters_queued();
            Ok(user)
        }
        Err(failure) => {
            unit.rollback().await?;
            Err(failure)
        }
    }
}

async fn apply(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    admin: Admin,
    id: UserId,
    wanted: UserChange,
    client: &ClientInfo,
) -> Result<User, Failure<Refusal>> {
    let now = core.clock.now();
    let confirmed = admin.confirm(unit, now).await?;
    let superusers = confirmed.map_err(|unconfirmed| Failure::Refused(Refusal::Unconfirmed(unconfirmed)))?;
    if wanted.takes_rights() {
        require_another(&superusers, id).map_err(|last| Failure::Refused(Refusal::LastSuperuser(last)))?;
    }
    let user = unit.users().lock(id).await?.ok_or(Failure::Refused(Refusal::NotFound))?;
    let change = wanted.against(&user);
    if change.is_empty() {
        return Ok(user);
    }
    let gives_up_own = id == admin.id() && (change.email.is_some() || change.is_active == Some(false));
    if gives_up_own || change.is_superuser == Some(true) {
        admin.require_recent(core, now).map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    }
    let trail = Trail { core, at: now, actor: Some(admin.id()), client };
    if change.takes_rights() || change.email.is_some() {
        end_legacy_tokens(core, unit, &user, trail.at).await?;
    }
    if let Some(email) = &change.email {
        action_token::void_all(unit, id).await?;
        if unit.action_tokens().is_reserved(email, id, now).await? {
            return Err(Failure::Refused(Refusal::EmailTaken));
        }
    }
    let updated = match unit.users().update(id, &change, trail.at).await? {
        Updated::Updated(updated) => updated,
        Updated::EmailTaken => return Err(Failure::Refused(Refusal::EmailTaken)),
        Updated::NotFound => return Err(Failure::Refused(Refusal::NotFound)),
    };
    let deactivated = change.is_active == Some(false);
    if change.takes_rights() {
        let reason = if deactivated { RevocationReason::Deactivated } else { RevocationReason::Demoted };
        end_all(unit, id, None, reason, trail.at).await?;
        unit.trusted_devices().delete_all(id).await?;
    }
    let kind = if deactivated { AuditEventKind::UserDeactivated } else { AuditEventKind::UserUpdated };
    unit.audit().record(&trail.event(kind, id, None)?).await?;
    Ok(updated)
}
