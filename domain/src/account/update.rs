//! Changes the caller's address or tier.

use super::tier_choice::{self, TierRefused};
use super::{Updated, User, UserChange};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::step_up::StepUpRequired;
use crate::kernel::{ClientInfo, Email};
use crate::session::{Principal, end_legacy_tokens};
use crate::{Core, Failure};

/// The requested changes; `None` keeps the value.
#[derive(Debug, Default)]
pub struct Command {
    /// The new address.
    pub email: Option<Email>,
    /// The new tier.
    pub tier: Option<String>,
}

/// Why nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another user has the address.
    EmailTaken,
    /// The tier is not available.
    Tier(TierRefused),
    /// A new address requires a more recent authentication.
    StepUp(StepUpRequired),
    /// The session ended, or the account was deactivated or deleted, meanwhile.
    ChangedMeanwhile,
}

/// Changes the account, and returns the user after the change.
pub async fn execute(
    core: &Core,
    principal: &Principal,
    command: Command,
    client: &ClientInfo,
) -> Result<User, Failure<Refusal>> {
    let user = &principal.user;
    let tier = command.tier.map(|name| {
        if user.is_superuser {
            tier_choice::given_by_superuser(&core.settings.tiers, &name)
        } else {
            tier_choice::chosen_by_user(&core.settings.tiers, &name, &user.tier)
        }
    });
    let tier = tier.transpose().map_err(|refused| Failure::Refused(Refusal::Tier(refused)))?;
    let change = UserChange { email: command.email, tier, ..UserChange::default() }.against(user);
    if change.is_empty() {
        return Ok(user.clone());
    }
    let now = core.clock.now();
    if change.email.is_some() {
        principal
            .require_recent(core, now)
            .map_err(|required| Failure::Refused(Refusal::StepUp(required)))?;
    }
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let event = trail.event(AuditEventKind::UserUpdated, user.id, principal.session_id())?;

    let mut unit = core.store.begin().await?;
    let Some(current) = crate::session::lock(unit.as_mut(), principal, now).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::ChangedMeanwhile));
    };
    if change.email.is_some() {
        end_legacy_tokens(core, unit.as_mut(), &current, now).await?;
    }
    match unit.users().update(user.id, &change, now).await? {
        Updated::Updated(updated) => {
            unit.audit().record(&event).await?;
            unit.commit().await?;
            Ok(updated)
        }
        Updated::EmailTaken => {
            unit.rollback().await?;
            Err(Failure::Refused(Refusal::EmailTaken))
        }
        Updated::NotFound => {
            unit.rollback().await?;
            Err(Failure::Refused(Refusal::ChangedMeanwhile))
        }
    }
}
