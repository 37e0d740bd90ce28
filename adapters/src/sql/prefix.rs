//! The addresses that begin with a text.

use sea_orm::sea_query::{Condition, Expr, ExprTrait};

use super::entity::users::Column;

/// A range, which the index of addresses answers and in which no character of the prefix has a meaning of its own. The
/// column is compared byte by byte. `None` where no address begins so.
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

/// As many characters as the beginnings have that are indexed: `m20261126_000001_index_beginnings` has an index for each
/// length up to this.
const INDEXED: usize = 8;

/// The beginning of an address that an index has by age. It is of ASCII, in which a character is a byte: how many of others
/// a text has is counted otherwise by a PostgreSQL without an encoding (`SQL_ASCII`).
#[derive(Clone, Copy)]
pub(super) struct Beginning<'a>(&'a str);

impl<'a> Beginning<'a> {
    /// As much of a prefix as is indexed; `None` if that is nothing.
    pub(super) fn of(prefix: &'a str) -> Option<Self> {
        let length = prefix.bytes().take(INDEXED).take_while(u8::is_ascii).count();
        (length > 0).then(|| Self(&prefix[..length]))
    }

    /// Whether whoever has this beginning has that prefix.
    pub(super) fn is_all_of(self, prefix: &str) -> bool {
        self.0 == prefix
    }

    /// The condition that the index of beginnings of this length answers, to its letter.
    pub(super) fn is_begun_with(self) -> Expr {
        Expr::cust(format!("substr(email_normalized, 1, {})", self.0.len())).eq(self.0)
    }
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

    #[test]
    fn eight_ascii_characters_of_a_prefix_are_indexed() {
        for (prefix, beginning) in [
            ("a", "a"),
            ("ann@exam", "ann@exam"),
            ("ann@examp", "ann@exam"),
            ("gr\u{fc}\u{df}e", "gr"),
            ("ann@exa\u{fc}", "ann@exa"),
        ] {
            let found = Beginning::of(prefix).unwrap();
            assert_eq!(found.0, beginning);
            assert_eq!(found.is_all_of(prefix), prefix == beginning);
        }
        assert!(Beginning::of("\u{fc}").is_none());
    }
}
