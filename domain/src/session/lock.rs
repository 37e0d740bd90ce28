use time::OffsetDateTime;

use super::{Principal, is_still_in};
use crate::account::User;
use crate::kernel::StoreError;
use crate::store::UnitOfWork;

/// Locks the principal's user, and gives it as it is then. `None` if the session has ended, or the account was deactivated or
/// deleted, since the token was looked at: whoever has been shut out changes nothing any more.
pub(crate) async fn lock(
    unit: &mut dyn UnitOfWork,
    principal: &Principal,
    now: OffsetDateTime,
) -> Result<Option<User>, StoreError> {
    let Some(user) = unit.users().lock(principal.user.id).await? else { return Ok(None) };
    let is_in = is_still_in(unit, &user, principal.session_id(), now).await?;
    Ok(is_in.then_some(user))
}
