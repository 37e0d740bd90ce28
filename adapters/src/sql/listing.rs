//! The listing of users: which of them, in which order, from where on, and at a cost that does not depend on where.
//!
//! Without an address to look for, a page is read off an index from where it begins: whoever is read is on it. So it is
//! with the beginning of an address of any length that is indexed, and no tier.
//!
//! With a tier besides, or with a longer beginning, there is no index of all that is asked for. There are two ways:
//!
//! - to look up all who have such an address, and to sort them. It costs what they are.
//! - to walk by age, through those whose address begins as far as that is indexed or those of the tier, and to pass over
//!   whoever is not meant. It costs what it passes until the page is full.
//!
//! Few are sorted. If there are more than [`FEW`], three walks are tried: a short one through the beginning, which meets
//! enough where many of those who begin so are meant; one through the tier, which meets all where it has few from here on;
//! and a longer one through the beginning. What is left are those of whom the beginning and the tier both have many, and
//! both at once hardly anybody from here on for a long way: these are sorted, at the cost of one pass over those who have
//! such an address.

use inwren_domain::model::{Cursor, Page, PageRequest, User, UserFilter, UserId};
use inwren_domain::ports::StoreError;
use sea_orm::sea_query::{Condition, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult};
use uuid::Uuid;

use super::entity::users::Model;
use super::error::store_error;
use super::page::{ByAge, more_with_address};
use super::prefix::{Beginning, begins_with};
use super::timestamp::Timestamp;

/// As many as are looked up and sorted without a second thought: a few milliseconds.
const FEW: u64 = 5_000;
/// How many users a long walk passes at most for each one that is wanted.
const WALKED_FOR_ONE: u64 = 100;
/// How many a short one passes.
const TRIED_FOR_ONE: u64 = 20;

/// A page of users. One that cannot be read is logged and left out, and the page ends where it would have ended with it: a
/// damaged row hides no other one.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Page<User>, StoreError> {
    let mut found = one_more(connection, filter, page).await.map_err(store_error)?;
    let has_more = found.len() > usize::from(page.limit());
    found.truncate(page.limit().into());
    let last = found.last().filter(|_| has_more);
    let next = last.map(place).transpose().map_err(store_error)?;
    Ok(Page { items: found.iter().filter_map(user).collect(), next })
}

fn place(row: &QueryResult) -> Result<Cursor, DbErr> {
    let Timestamp(created_at) = row.try_get("", "created_at")?;
    Ok(Cursor { created_at, id: UserId::from_uuid(row.try_get("", "id")?) })
}

fn user(row: &QueryResult) -> Option<User> {
    let read = Model::from_query_result(row, "").map(User::from).map_err(store_error);
    read.inspect_err(|error| {
        let id = row.try_get::<Uuid>("", "id").ok();
        tracing::error!(?id, %error, "a user cannot be read, and is left out of the list");
    })
    .ok()
}

/// The rows of a page, and one more if there is one.
async fn one_more(
    connection: &impl ConnectionTrait,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Vec<QueryResult>, DbErr> {
    let backend = connection.get_database_backend();
    let by_age = |beginning| ByAge::new(filter, page, backend, beginning);
    let of_tier = by_age(None);
    let count = u64::from(page.limit()) + 1;
    let Some(prefix) = filter.email_prefix() else {
        return all(connection, &of_tier.first(count)).await;
    };
    let Some(with_address) = begins_with(prefix) else { return Ok(Vec::new()) };
    let beginning = Beginning::of(prefix);
    let begun = beginning.map(|beginning| by_age(Some(beginning)));
    if let Some(begun) = &begun
        && filter.tier.is_none()
        && beginning.is_some_and(|beginning| beginning.is_all_of(prefix))
    {
        return all(connection, &begun.first(count)).await;
    }
    if is_there(connection, &more_with_address(with_address.clone(), FEW)).await? {
        let begun = begun.as_ref();
        // Without a tier these are all users, among whom those who are begun with are found at once.
        let by_tier = (filter.tier.is_some() || begun.is_none()).then_some(&of_tier);
        let ways = [(begun, TRIED_FOR_ONE), (by_tier, WALKED_FOR_ONE), (begun, WALKED_FOR_ONE)];
        for (by_age, passed) in ways {
            if let Some(by_age) = by_age
                && let Some(found) = walk(connection, by_age, &with_address, passed * count, count).await?
            {
                return Ok(found);
            }
        }
    }
    all(connection, &of_tier.sorted(with_address, count)).await
}

/// `None` if the walk became too long.
async fn walk(
    connection: &impl ConnectionTrait,
    by_age: &ByAge<'_>,
    with_address: &Condition,
    walked: u64,
    count: u64,
) -> Result<Option<Vec<QueryResult>>, DbErr> {
    let found = all(connection, &by_age.walk(with_address.clone(), walked, count)).await?;
    let is_full = found.len() as u64 == count;
    // With a page to spare, for those who are deleted between the two questions.
    let is_all = is_full || !is_there(connection, &by_age.more_than(walked - count)).await?;
    Ok(is_all.then_some(found))
}

async fn all(connection: &impl ConnectionTrait, select: &SelectStatement) -> Result<Vec<QueryResult>, DbErr> {
    connection.query_all(select).await
}

async fn is_there(connection: &impl ConnectionTrait, select: &SelectStatement) -> Result<bool, DbErr> {
    Ok(connection.query_one(select).await?.is_some())
}
