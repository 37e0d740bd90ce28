use time::OffsetDateTime;

use super::{Principal, is_still_in};
use crate::account::User;
use crate::kernel::StoreError;
use crate::store::UnitOfWork;

/// Locks the caller's user, and returns the user as locked. `None` if the session has ended, or the account was
/// deactivated or deleted, since the token was verified: a caller who has lost access changes nothing.
pub(crate) async fn lock(
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    now: OffsetDateTime,
) -> Result<Option<User>, StoreError> {
    let Some(user) = unit.users().lock(principal.user.id).await? else { return Ok(None) };
    let is_in = is_still_in(unit, &user, principal.session_id(), now).await?;
    Ok(is_in.then_some(user))
}

/// Locks the caller's user as [`lock`] does. `None` also if a credential was changed since the caller was
/// authenticated: what was checked then may no longer hold.
pub(crate) async fn lock_unchanged(
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    now: OffsetDateTime,
) -> Result<Option<User>, StoreError> {
    let locked = lock(unit, principal, now).await?;
    Ok(locked.filter(|user| user.credential_version == principal.user.credential_version))
}
