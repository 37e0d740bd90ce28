//! The listing of users: which of them, in which order, from where on.

use inwren_domain::model::{PageRequest, UserFilter};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::entity::users::{Column, Entity};
use super::timestamp::Timestamp;

/// The users of a page and one more. The place where it begins is compared with an index, so that no page costs more
/// than the first.
pub(super) fn one_more(filter: &UserFilter, page: PageRequest) -> Select<Entity> {
    let mut wanted = Condition::all()
        .add_option(filter.email_prefix().map(begins_with))
        .add_option(filter.tier.as_ref().map(|tier| Column::Tier.eq(tier.as_str())))
        .add_option(filter.is_active.map(|active| flag(Column::IsActive, active)))
        .add_option(filter.is_superuser.map(|superuser| flag(Column::IsSuperuser, superuser)));
    if let Some(after) = page.after {
        let place = [Expr::val(Timestamp(after.created_at)), Expr::val(after.id.as_uuid())];
        let row = [Expr::col(Column::CreatedAt), Expr::col(Column::Id)];
        wanted = wanted.add(Expr::tuple(row).lt(Expr::tuple(place)));
    }
    Entity::find()
        .filter(wanted)
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(u64::from(page.limit()) + 1)
}

/// The bare column rather than a comparison with an argument: only so is a partial index seen to fit.
fn flag(column: Column, set: bool) -> Expr {
    let column = Expr::col(column);
    if set { column } else { column.not() }
}

/// As a range, which an index answers and in which no character of the prefix has a meaning of its own. The column is
/// compared byte by byte.
fn begins_with(prefix: &str) -> Condition {
    // PostgreSQL takes no NUL, in which no address begins anyway.
    if prefix.contains('\0') {
        return Condition::any();
    }
    Condition::all()
        .add(Column::EmailNormalized.gte(prefix))
        .add_option(past(prefix).map(|end| Column::EmailNormalized.lt(end)))
}

/// The least text that comes after every text with this prefix: the prefix with its last character made one greater. The
/// order of bytes in UTF-8 is the order of the code points. There is none if all its characters are the greatest.
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
