//! `UserReader::page`.

use std::collections::HashSet;
use std::sync::Arc;

use inwren_domain::account::{Tier, User, UserChange, UserFilter};
use inwren_domain::kernel::{AgeCursor, Page, PageRequest, UserCursor, UserId};
use inwren_domain::store::Store;
use time::Duration;

use super::support::{add_users, assert_same_user, updated};
use crate::fixtures::{now, tier, user, user_fixture};

/// Pages MUST list users newest first by `(created_at, id)`, each exactly once, with any page size.
pub async fn a_walk_gives_everybody_once_newest_first(store: Arc<dyn Store>) {
    // Seven creation times, one microsecond apart, with five users each, whose ids are not sorted.
    let mut users: Vec<User> = (0..35)
        .map(|n| User { created_at: now() + Duration::microseconds(n % 7), ..user_fixture() })
        .collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    users.sort_by_key(newest_first);
    for limit in [1, 2, 3, 5, 34, 35, 50, 200] {
        let walked = walk(&*store, &UserFilter::default(), limit).await;
        assert_eq!(ids(&walked), ids(&users), "pages of {limit}");
        walked.iter().zip(&users).for_each(|(found, expected)| assert_same_user(found, expected));
    }
}

/// A page has a next page if and only if another user follows.
pub async fn the_last_page_has_no_next(store: Arc<dyn Store>) {
    let all = UserFilter::default();
    assert_eq!(page(&*store, &all, 5, None).await, Page { items: vec![], next: None });
    for n in 1..=6_u16 {
        add_users(&*store, &[&user_fixture()]).await;
        for limit in 1..=7 {
            let (mut after, mut left) = (None, n);
            loop {
                let page = page(&*store, &all, limit, after).await;
                assert_eq!(page.items.len(), usize::from(left.min(limit)));
                left -= left.min(limit);
                let last = page.items.last().map(UserCursor::after);
                assert_eq!(page.next, last.filter(|_| left > 0), "{n} users, pages of {limit}");
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(left, 0);
        }
    }
}

/// The same holds for a filtered listing: users who do not match the filter make no next page.
pub async fn those_left_out_make_no_next_page(store: Arc<dyn Store>) {
    for n in 0..8 {
        let tier = tier(if n % 2 == 0 { "plus" } else { "free" });
        add_users(&*store, &[&User { tier, ..user_fixture() }]).await;
    }
    let filter = filter(Some(tier("plus")), None, None);
    let first = page(&*store, &filter, 2, None).await;
    assert_eq!(first.items.len(), 2);
    let second = page(&*store, &filter, 2, first.next).await;
    assert_eq!((second.items.len(), second.next), (2, None));
}

/// A listing MUST return each user who exists throughout exactly once, also while other users are added and deleted.
pub async fn a_walk_is_not_disturbed_by_who_comes_and_goes(store: Arc<dyn Store>) {
    let moment = |n: i64| now() + Duration::seconds(n);
    let staying: Vec<User> = (0..12).map(|n| User { created_at: moment(n / 3), ..user_fixture() }).collect();
    let leaving: Vec<User> = (0..12).map(|n| User { created_at: moment(n / 3), ..user_fixture() }).collect();
    add_users(&*store, &staying.iter().chain(&leaving).collect::<Vec<_>>()).await;
    let mut leaving: HashSet<UserId> = leaving.iter().map(|user| user.id).collect();

    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = page(&*store, &UserFilter::default(), 2, after).await;
        seen.extend(ids(&page.items));
        // Adds one user newer than all and two at creation times of the listing, and deletes the users of the page that
        // can be deleted.
        for created_at in [moment(100), moment(1), moment(2)] {
            if seen.len() < 40 {
                add_users(&*store, &[&User { created_at, ..user_fixture() }]).await;
            }
        }
        for user in &page.items {
            if leaving.remove(&user.id) {
                assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
            } else {
                let change = UserChange { tier: Some(tier("plus")), ..UserChange::default() };
                updated(in_unit!(store, |unit| unit
                    .users()
                    .update(user.id, &change, moment(200))
                    .await
                    .unwrap()));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "somebody came twice");
    for user in &staying {
        assert!(seen.contains(&user.id), "somebody was left out");
    }
}

/// A listing returns exactly the users who match the filter: each filter alone, and all combinations.
pub async fn filters_take_in_whom_they_name(store: Arc<dyn Store>) {
    let names = [
        "a_b", "axb", "a%b", "abb", "a*b", "a?b", "a-b", "a.b", "a'b", "AB", "ab.c", "Zoë", "zo", "zz",
        "grüße", "GRÜN", "用户", "用心", "~x", "{x", "ÿ",
    ];
    let mut users: Vec<User> =
        names.iter().zip(0..).map(|(name, n)| a_user_with(&format!("{name}@example.org"), n)).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;

    let prefixes = [
        "",
        "a",
        "A",
        "a_",
        "a%",
        "%",
        "_",
        "a\\",
        "\\",
        "a\\_",
        "a*",
        "*",
        "a?",
        "[a",
        "a-",
        "a.",
        "a'",
        "ab",
        "AB.",
        "z",
        "ZO",
        "Zoe",
        "Zoe\u{308}",
        "gr",
        "GRÜ",
        "gru\u{308}",
        "用",
        "用户@",
        "~",
        "{",
        "ÿ",
        "a_b@exam",
        "a_b@examp",
        "grüße@ex",
        "grüße@exa",
        "a_b@example.org",
        "a_b@example.org.",
        "b",
        " ab ",
        "\"",
        "a\" or 1=1 --",
    ];
    let flags = [None, Some(true), Some(false)];
    for prefix in prefixes {
        for tier in [None, Some(tier("free")), Some(tier("plus")), Some(tier("none"))] {
            for (is_active, is_superuser) in flags.iter().flat_map(|a| flags.map(|s| (*a, s))) {
                let filter = filter(tier.clone(), is_active, is_superuser).with_email_prefix(prefix);
                sort(&mut users, &filter);
                let expected: Vec<User> = users.iter().filter(|user| filter.matches(user)).cloned().collect();
                let found = page(&*store, &filter, 200, None).await;
                assert_eq!(ids(&found.items), ids(&expected), "{prefix:?} {filter:?}");
                assert_eq!(found.next, None);
            }
        }
    }
    let count = async |prefix| walk(&*store, &UserFilter::default().with_email_prefix(prefix), 2).await.len();
    let counts = [("a_", 1), ("a%", 1), ("A", 11), ("a\\", 0), ("zo", 2), ("GRÜ", 2), ("用", 2), ("", 21)];
    for (prefix, expected) in counts {
        assert_eq!(count(prefix).await, expected, "{prefix:?}");
    }
}

/// A filtered listing returns each matching user once. With a prefix it is sorted by normalised address, otherwise
/// newest first.
pub async fn a_filtered_walk_gives_everybody_once(store: Arc<dyn Store>) {
    let mut users: Vec<User> = (0..30)
        .map(|n| User {
            created_at: now() + Duration::microseconds(n % 4),
            ..a_user_with(&format!("{}-{n}@example.org", if n % 2 == 0 { "in" } else { "out" }), n)
        })
        .collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    for prefix in ["IN", ""] {
        let filter = filter(None, Some(true), None).with_email_prefix(prefix);
        users.retain(|user| filter.is_active == Some(user.is_active));
        sort(&mut users, &filter);
        let expected: Vec<User> = users.iter().filter(|user| filter.matches(user)).cloned().collect();
        assert!(expected.len() > 5);
        for limit in [1, 2, 3, 50] {
            assert_eq!(ids(&walk(&*store, &filter, limit).await), ids(&expected), "pages of {limit}");
        }
    }
}

/// Users who are added, deleted or renamed during a listing by address do not affect the others.
pub async fn a_walk_by_address_is_not_disturbed(store: Arc<dyn Store>) {
    let address = |n: usize| format!("walk-{n:02}@example.org");
    let users: Vec<User> = (0..12).map(|n| user(&address(n))).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let filter = UserFilter::default().with_email_prefix("walk-");
    let first = page(&*store, &filter, 5, None).await;
    assert_eq!(ids(&first.items), ids(&users[..5]));
    in_unit!(store, |unit| {
        // Deletes the last user of the page, renames the next one to an address before the cursor; another one is added
        // before the cursor.
        assert!(unit.users().delete(users[4].id).await.unwrap());
        let passed = UserChange { email: Some(user("walk-00a@example.org").email), ..UserChange::default() };
        unit.users().update(users[5].id, &passed, now()).await.unwrap();
    });
    add_users(&*store, &[&user("walk-01a@example.org")]).await;
    let second = page(&*store, &filter, 5, first.next).await;
    assert_eq!(ids(&second.items), ids(&users[6..11]));
    let third = page(&*store, &filter, 5, second.next).await;
    assert_eq!((ids(&third.items), third.next), (ids(&users[11..]), None));
}

/// A cursor is a position and needs no user there: before all users, after all users, or in a gap.
pub async fn a_cursor_is_a_place_and_not_a_user(store: Arc<dyn Store>) {
    let old = User { created_at: now(), ..user_fixture() };
    let new = User { created_at: now() + Duration::seconds(2), ..user_fixture() };
    add_users(&*store, &[&old, &new]).await;
    let stranger = user_fixture().id;
    for (seconds, expected) in [(3, vec![new.id, old.id]), (1, vec![old.id]), (-1, vec![])] {
        let age = AgeCursor { created_at: now() + Duration::seconds(seconds), id: stranger };
        let after = UserCursor { age, address: String::new() };
        let page = page(&*store, &UserFilter::default(), 10, Some(after)).await;
        assert_eq!(ids(&page.items), expected);
    }
    let (ann, bob) = (user("place-ann@example.org"), user("place-bob@example.org"));
    add_users(&*store, &[&ann, &bob]).await;
    let places = [
        ("a", vec![ann.id, bob.id]),
        ("place-a", vec![ann.id, bob.id]),
        ("place-ann@example.org", vec![bob.id]),
        ("place-b\u{10ffff}", vec![]),
        ("z", vec![]),
    ];
    for (place, expected) in places {
        let filter = UserFilter::default().with_email_prefix("place-");
        let age = AgeCursor { created_at: now(), id: stranger };
        let page = page(&*store, &filter, 10, Some(UserCursor { age, address: place.to_owned() })).await;
        assert_eq!(ids(&page.items), expected, "{place}");
    }
}

fn filter(tier: Option<Tier>, is_active: Option<bool>, is_superuser: Option<bool>) -> UserFilter {
    let mut filter = UserFilter::default();
    (filter.tier, filter.is_active, filter.is_superuser) = (tier, is_active, is_superuser);
    filter
}

/// A user whose tier and flags depend on the number.
fn a_user_with(address: &str, n: i64) -> User {
    User {
        tier: tier(if n % 3 == 0 { "plus" } else { "free" }),
        is_active: n % 4 != 0,
        is_superuser: n % 5 == 0,
        ..user(address)
    }
}

fn newest_first(user: &User) -> std::cmp::Reverse<(time::OffsetDateTime, UserId)> {
    std::cmp::Reverse((user.created_at, user.id))
}

fn ids(users: &[User]) -> Vec<UserId> {
    users.iter().map(|user| user.id).collect()
}

/// Sorts users in the order of a listing with this filter.
fn sort(users: &mut [User], filter: &UserFilter) {
    match filter.is_by_address() {
        true => users.sort_by(|a, b| a.email.normalized().cmp(b.email.normalized())),
        false => users.sort_by_key(newest_first),
    }
}

async fn page(store: &dyn Store, filter: &UserFilter, limit: u16, after: Option<UserCursor>) -> Page<User> {
    let mut view = store.read().await.unwrap();
    view.users().page(filter, PageRequest::new(limit, after)).await.unwrap()
}

/// All users who match the filter, page by page.
async fn walk(store: &dyn Store, filter: &UserFilter, limit: u16) -> Vec<User> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let page = page(store, filter, limit, after).await;
        assert!(page.items.len() <= limit.into());
        assert!(users.len() < 1000, "the walk does not end");
        users.extend(page.items);
        after = page.next;
        if after.is_none() {
            return users;
        }
    }
}
