//! What every change of a user's factors has in common.

use super::{Factor, recovery_codes};
use crate::account::User;
use crate::action_token;
use crate::audit::{AuditEvent, Trail};
use crate::kernel::{ClientInfo, PlainToken};
use crate::outbox::{LetterKind, notice};
use crate::store::UnitOfWork;
use crate::{Core, PortFailure};

/// Completes a change of the factors of a locked user: stores what the user can reach now, ends links, challenges and
/// trusted devices, and records and announces the change. The letter names the client.
pub(crate) async fn complete(
    unit: &mut dyn UnitOfWork,
    user: &User,
    event: AuditEvent,
    (letter, client): (LetterKind, &ClientInfo),
    trail: &Trail<'_>,
) -> Result<(), PortFailure> {
    let factors = unit.factors().of_user(user.id).await?;
    let highest_acr = Factor::highest_acr(&factors);
    unit.credentials().change_factors(user.id, user.credential_version, highest_acr, trail.at).await?;
    action_token::void_all(unit, user.id).await?;
    unit.trusted_devices().delete_all(user.id).await?;
    unit.audit().record(&event).await?;
    if let Some(letter) = notice(trail.core, letter, user, client, trail.at)? {
        unit.outbox().insert(&letter).await?;
    }
    Ok(())
}

/// Gives the user new recovery codes, and returns them.
pub(super) async fn renew_recovery_codes(
    core: &Core,
    unit: &mut dyn UnitOfWork,
    user: &User,
) -> Result<Vec<PlainToken>, PortFailure> {
    let new = recovery_codes::generate(core)?;
    unit.factors().replace_recovery_codes(user.id, &new.digests).await?;
    Ok(new.codes)
}
