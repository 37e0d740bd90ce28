//! The listing of users: which of them, in which order, from where on, and at a cost that does not depend on where.
//!
//! Without an address to look for, a page is read off an index from where it begins: whoever is read is on it.
//!
//! With the beginning of an address there is no index of both that and the age. There are two ways:
//!
//! - to look up all who have such an address, and to sort them. It costs what they are.
//! - to walk by age, and to pass over whoever has another address. It costs what it passes until the page is full.
//!
//! Few are sorted. If there are more than [`FEW`], there is one in every so many users, and the walk is short: it is tried
//! for [`WALKED_FOR_ONE`] users for each one wanted. With both bounds as they are the way that is tried first is, among a
//! million users who do not come in bunches, also the one that costs less. What is left are addresses that many have, and
//! hardly anybody from here on for a long way, such as those of an import of long ago: these are sorted, at the cost of one
//! pass over those who have them, as is the page that comes after the last one of a bunch. No page costs more than that:
//! neither the whole table is read nor are those sorted who have other addresses.

use inwren_domain::model::{PageRequest, User, UserFilter};
use inwren_domain::ports::StoreError;
use sea_orm::sea_query::{Condition, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::entity::users::Model;
use super::error::store_error;
use super::page::{ByAge, more_with_address};
use super::prefix::begins_with;

/// As many as are looked up and sorted without a second thought: a few milliseconds.
const FEW: u64 = 5_000;
/// How many users are passed at most for each one that is wanted.
const WALKED_FOR_ONE: u64 = 100;

/// The users of a page, and one more if there is one.
pub(super) async fn one_more(
    connection: &impl ConnectionTrait,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Vec<User>, StoreError> {
    let rows = rows(connection, filter, page).await.map_err(store_error)?;
    rows.into_iter().map(User::try_from).collect()
}

async fn rows(
    connection: &impl ConnectionTrait,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Vec<Model>, DbErr> {
    let by_age = ByAge::new(filter, page, connection.get_database_backend());
    let count = u64::from(page.limit()) + 1;
    let Some(prefix) = filter.email_prefix() else {
        return all(connection, &by_age.first(count)).await;
    };
    let Some(with_address) = begins_with(prefix) else { return Ok(Vec::new()) };
    if is_there(connection, &more_with_address(with_address.clone(), FEW)).await?
        && let Some(found) = walk(connection, &by_age, with_address.clone(), count).await?
    {
        return Ok(found);
    }
    all(connection, &by_age.sorted(with_address, count)).await
}

/// `None` if the walk became too long.
async fn walk(
    connection: &impl ConnectionTrait,
    by_age: &ByAge<'_>,
    with_address: Condition,
    count: u64,
) -> Result<Option<Vec<Model>>, DbErr> {
    let walked = WALKED_FOR_ONE * count;
    let found = all(connection, &by_age.walk(with_address, walked, count)).await?;
    let is_full = found.len() as u64 == count;
    let is_all = is_full || !is_there(connection, &by_age.more_than(walked)).await?;
    Ok(is_all.then_some(found))
}

async fn all(connection: &impl ConnectionTrait, select: &SelectStatement) -> Result<Vec<Model>, DbErr> {
    let rows = connection.query_all(select).await?;
    rows.iter().map(|row| Model::from_query_result(row, "")).collect()
}

async fn is_there(connection: &impl ConnectionTrait, select: &SelectStatement) -> Result<bool, DbErr> {
    Ok(connection.query_one(select).await?.is_some())
}
