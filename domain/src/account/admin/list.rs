//! Lists and finds users.

use super::{Admin, NotFound};
use crate::account::{User, UserFilter};
use crate::kernel::{Email, Page, PageRequest, UserId};
use crate::{Core, Failure, PortFailure};

/// Returns a page of the users that match the filter: in the order of their addresses if the filter has an address
/// prefix, else newest first.
pub async fn page(
    core: &Core,
    _: Admin,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Page<User>, PortFailure> {
    Ok(core.store.read().await?.users().page(filter, page).await?)
}

/// Returns one user.
pub async fn get(core: &Core, _: Admin, id: UserId) -> Result<User, Failure<NotFound>> {
    core.store.read().await?.users().by_id(id).await?.ok_or(Failure::Refused(NotFound))
}

/// Returns the user who logs in with this address.
pub async fn by_login(core: &Core, _: Admin, email: &Email) -> Result<User, Failure<NotFound>> {
    core.store.read().await?.users().by_login(email).await?.ok_or(Failure::Refused(NotFound))
}
