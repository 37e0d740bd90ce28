//! Pages of the user list, at a cost that depends neither on the position of a page nor on the distribution of users.
//!
//! A user is of exactly one [`Kind`]. An index holds each kind, and each kind of a tier, in the order of the list, by
//! age or by address. The query merges several kinds as far as the page needs. Without other filters it reads addresses
//! from their unique index.

use inwren_domain::account::{User, UserFilter};
use inwren_domain::kernel::{AgeCursor, Page, PageRequest, StoreError, UserCursor, UserId};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, UnionType};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Iterable, QueryResult};
use uuid::Uuid;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::dialect::Dialect;
use super::entity::users::{Column, Entity, Model};
use super::keyset::older_than;

/// Returns a page of users. It logs and omits rows that cannot be read, and ends where it would have ended with them,
/// so a damaged row hides no other row.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Page<User>, StoreError> {
    // PostgreSQL rejects NUL, and no address has a prefix with it.
    if filter.email_prefix().is_some_and(|prefix| prefix.contains('\0')) {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let count = u64::from(page.limit()) + 1;
    let select = one_page(filter, page.after.as_ref(), Dialect::of(connection), count);
    let mut found = connection.query_all(&select).await.map_err(store_error)?;
    let has_more = found.len() > usize::from(page.limit());
    found.truncate(page.limit().into());
    let last = found.last().filter(|_| has_more);
    let next = last.map(place).transpose().map_err(store_error)?;
    Ok(Page { items: found.iter().filter_map(user).collect(), next })
}

fn place(row: &QueryResult) -> Result<UserCursor, DbErr> {
    let Timestamp(created_at) = row.try_get("", "created_at")?;
    let age = AgeCursor { created_at, id: UserId::from_uuid(row.try_get("", "id")?) };
    Ok(UserCursor { age, address: row.try_get("", "email_normalized")? })
}

fn user(row: &QueryResult) -> Option<User> {
    let read = Model::from_query_result(row, "").map(User::from).map_err(store_error);
    read.inspect_err(|error| {
        let id = row.try_get::<Uuid>("", "id").ok();
        tracing::error!(?id, %error, "a user cannot be read, and is left out of the list");
    })
    .ok()
}

fn one_page(
    filter: &UserFilter,
    after: Option<&UserCursor>,
    dialect: Dialect,
    count: u64,
) -> SelectStatement {
    let order = if filter.is_by_address() { Order::BY_ADDRESS } else { Order::BY_AGE };
    let arm = |of_kind: Condition| {
        let mut arm = Query::select();
        arm.columns(Column::iter()).from(Entity).cond_where(of_kind);
        arm.cond_where(with_prefix(filter)).and_where_option(after.map(|after| past_cursor(after, filter)));
        // SQLite merges ordered parts by itself. PostgreSQL does so only if each part is a subquery with its own order
        // and limit.
        if dialect == Dialect::Sqlite {
            return arm;
        }
        order.sort(&mut arm);
        Query::select().columns(Column::iter()).from_subquery(arm.limit(count).take(), "of_kind").take()
    };
    let mut arms = Kind::conditions(filter).into_iter().map(arm);
    let mut merged = arms.next().unwrap_or_default();
    merged.unions(arms.map(|arm| (UnionType::All, arm)));
    order.sort(&mut merged);
    merged.limit(count);
    merged
}

/// Order of a list.
struct Order(&'static [Column], sea_orm::Order);

impl Order {
    /// Newest first.
    const BY_AGE: Self = Self(&[Column::CreatedAt, Column::Id], sea_orm::Order::Desc);
    /// By bytes, which is how the column is compared.
    const BY_ADDRESS: Self = Self(&[Column::EmailNormalized], sea_orm::Order::Asc);

    fn sort(&self, select: &mut SelectStatement) {
        for column in self.0 {
            select.order_by(*column, self.1.clone());
        }
    }
}

fn past_cursor(after: &UserCursor, filter: &UserFilter) -> Expr {
    if filter.is_by_address() {
        return Expr::col(Column::EmailNormalized).gt(&after.address);
    }
    older_than([Column::CreatedAt, Column::Id], (after.age.created_at, after.age.id.as_uuid()))
}

/// Returns the prefix as a range, in which no character of it is special.
fn with_prefix(filter: &UserFilter) -> Condition {
    let column = || Expr::col(Column::EmailNormalized);
    let prefix = filter.email_prefix();
    Condition::all()
        .add_option(prefix.map(|prefix| column().gte(prefix)))
        .add_option(prefix.and_then(past).map(|end| column().lt(end)))
}

/// Returns the least string after all strings with this prefix: the prefix with its last character incremented. The
/// byte order of UTF-8 is the order of code points. Returns `None` if all characters are the greatest.
fn past(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Whether a user is active and whether they are a superuser.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    is_active: bool,
    is_superuser: bool,
}

/// The expression of the index by age. It must be identical, character by character.
const BY_AGE: &str = "(CASE WHEN is_active THEN 2 ELSE 0 END + CASE WHEN is_superuser THEN 1 ELSE 0 END)";
/// The expression of the indexes by address. It differs from the other one, so that no planner can use an index of the
/// other order and then sort.
const BY_ADDRESS: &str = "(CASE WHEN is_superuser THEN 2 ELSE 0 END + CASE WHEN is_active THEN 1 ELSE 0 END)";

impl Kind {
    pub(super) const ACTIVE_SUPERUSER: Self = Self { is_active: true, is_superuser: true };

    /// Returns a condition for each kind that matches the filter, or one that is always true if no index of kinds is
    /// needed.
    fn conditions(filter: &UserFilter) -> Vec<Condition> {
        let UserFilter { tier, is_active, is_superuser, .. } = filter;
        if filter.is_by_address() && tier.is_none() && is_active.is_none() && is_superuser.is_none() {
            return vec![Condition::all()];
        }
        let of_tier = tier.as_ref().map(|tier| Expr::col(Column::Tier).eq(tier.as_str()));
        let condition = |kind: Self| {
            let is_kind = match (filter.is_by_address(), tier) {
                (true, _) => Condition::all().add(kind.is_kind_by_address()),
                (false, Some(_)) => kind.flags(),
                (false, None) => Condition::all().add(kind.is_kind()),
            };
            is_kind.add_option(of_tier.clone())
        };
        Self::all_of(*is_active, *is_superuser).map(condition).collect()
    }

    /// Returns the kinds that match. `None` matches both values.
    fn all_of(is_active: Option<bool>, is_superuser: Option<bool>) -> impl Iterator<Item = Self> {
        let either = |wanted: Option<bool>| {
            [true, false].into_iter().filter(move |is| wanted.is_none_or(|wanted| wanted == *is))
        };
        either(is_active).flat_map(move |is_active| {
            either(is_superuser).map(move |is_superuser| Self { is_active, is_superuser })
        })
    }

    /// Returns the condition for the index of tiers by age. It avoids the expression of the index of kinds: a planner
    /// would use that index whenever it can, and then skip the users of the kind who are not of the tier.
    fn flags(self) -> Condition {
        Condition::all()
            .add(Expr::col(Column::IsActive).eq(self.is_active))
            .add(Expr::col(Column::IsSuperuser).eq(self.is_superuser))
    }

    /// Returns the condition for the index of kinds by age.
    pub(super) fn is_kind(self) -> Expr {
        Expr::cust(BY_AGE).eq(i32::from(self.is_active) * 2 + i32::from(self.is_superuser))
    }

    /// Returns the condition for the indexes by address.
    fn is_kind_by_address(self) -> Expr {
        Expr::cust(BY_ADDRESS).eq(i32::from(self.is_superuser) * 2 + i32::from(self.is_active))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_just_past_it() {
        for (prefix, end) in [
            ("a", "b"),
            ("ann@", "annA"),
            ("a%_", "a%`"),
            ("gr\u{fc}", "gr\u{fd}"),
            ("\u{7f}", "\u{80}"),
            ("a\u{d7ff}", "a\u{e000}"),
            ("a\u{10ffff}", "b"),
        ] {
            assert_eq!(past(prefix).as_deref(), Some(end), "{prefix:?}");
            assert!(prefix < end && format!("{prefix}\u{10ffff}\u{10ffff}").as_str() < end);
        }
        assert_eq!(past("\u{10ffff}"), None);
    }
}
