//! Finding users.

use super::{Admin, NotFound};
use crate::Core;
use crate::model::{Page, PageRequest, User, UserFilter, UserId};
use crate::service::Failure;

/// The cursor is of a listing in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherOrder;

/// A page of the users that the filter takes in: in the order of the addresses where it has a prefix of them, else newest
/// first.
pub async fn page(
    core: &Core,
    _: Admin,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Page<User>, Failure<OtherOrder>> {
    if page.after.as_ref().is_some_and(|after| !after.is_of(filter)) {
        return Err(Failure::Refused(OtherOrder));
    }
    Ok(core.store.read().await?.users().page(filter, page).await?)
}

/// One user.
pub async fn get(core: &Core, _: Admin, id: UserId) -> Result<User, Failure<NotFound>> {
    core.store.read().await?.users().by_id(id).await?.ok_or(Failure::Refused(NotFound))
}
