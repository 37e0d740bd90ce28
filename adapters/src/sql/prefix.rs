//! The addresses that begin with a text, as a range of the index.

use sea_orm::sea_query::{Condition, Expr, ExprTrait};

use super::entity::users::Column;

/// A range, which an index answers and in which no character of the prefix has a meaning of its own. The column is
/// compared byte by byte. `None` where no address begins so.
pub(super) fn begins_with(prefix: &str) -> Option<Condition> {
    // PostgreSQL takes no NUL, in which no address begins anyway.
    if prefix.contains('\0') {
        return None;
    }
    let column = || Expr::col(Column::EmailNormalized);
    let range =
        Condition::all().add(column().gte(prefix)).add_option(past(prefix).map(|end| column().lt(end)));
    Some(range)
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
