//! `UserReader` and `UserRepository`, without pages and locks.

use std::sync::Arc;

use inwren_domain::account::{Inserted, Tier, Updated, User, UserChange, UserFilter};
use inwren_domain::audit::AuditEventKind;
use inwren_domain::authn::Acr;
use inwren_domain::kernel::{Email, PageRequest};
use inwren_domain::store::Store;
use time::Duration;

use super::support::{
    add_sessions, add_users, assert_same_user, events, live_of, session_of, together, updated, user_of,
};
use crate::fixtures::{
    self, account, distinct_user, email, event, fresh_email, now, tier, user, user_fixture, user_id,
};

/// Every field of an inserted user is read back unchanged: the adapter generates no value.
pub async fn inserted_is_read_back_exactly(store: Arc<dyn Store>) {
    let before_1970 = time::OffsetDateTime::UNIX_EPOCH - Duration::new(86_400, 1_000);
    let odd = User {
        is_active: false,
        is_superuser: true,
        tier: Tier::from_stored("a-tier-of-which-nobody-knows_any".to_owned()),
        created_at: before_1970,
        updated_at: now() + Duration::MICROSECOND,
        credential_version: i64::from(u32::MAX) + 7,
        sessions_epoch: i64::from(u32::MAX) + 8,
        highest_acr: Acr::Phr,
        ..user("Grüße.用户+Tag@Bücher.Example")
    };
    let decomposed = user("E\u{301}le\u{300}ve@example.org");
    let longest = user(&format!("{}@{}.org", "l".repeat(64), vec!["d".repeat(60); 3].join(".")));
    let plain = User { highest_acr: Acr::Aal2, ..user("Ann.Lee@Example.ORG") };
    for user in [&odd, &decomposed, &longest, &plain] {
        add_users(&*store, &[user]).await;
        assert_same_user(&user_of(&*store, user.id).await.unwrap(), user);
        let mut view = store.read().await.unwrap();
        assert_same_user(&view.users().by_email(&user.email).await.unwrap().unwrap(), user);
    }
}

/// An unknown user is not found by id or by address.
pub async fn unknown_is_not_found(store: Arc<dyn Store>) {
    add_users(&*store, &[&user_fixture()]).await;
    assert_eq!(user_of(&*store, user_id()).await, None);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.users().by_email(&fresh_email()).await.unwrap(), None);
}

/// `by_email` MUST find by the normalised form.
pub async fn by_email_finds_by_the_normalised_form(store: Arc<dyn Store>) {
    let ann = user("Ann.É@Example.org");
    add_users(&*store, &[&ann, &user("ann.e@example.org"), &user("bann.é@example.org")]).await;
    for other in ["ann.é@example.org", "ANN.É@EXAMPLE.ORG", "ann.e\u{301}@example.org"] {
        let found = store.read().await.unwrap().users().by_email(&email(other)).await.unwrap();
        assert_same_user(&found.expect(other), &ann);
    }
}

/// A domain in its Unicode form and in its ASCII form MUST be the same address.
pub async fn domains_are_compared_in_their_ascii_form(store: Arc<dyn Store>) {
    let (unicode, ascii) = (user("Ann@Bücher.example"), user("bob@xn--bcher-kva.example"));
    add_users(&*store, &[&unicode, &ascii]).await;
    for (name, expected) in [("ann", &unicode), ("bob", &ascii)] {
        for domain in ["bücher.example", "xn--bcher-kva.example", "ⓑüｃｈer。Example"] {
            let same = format!("{name}@{domain}");
            let found = store.read().await.unwrap().users().by_email(&email(&same)).await.unwrap();
            assert_same_user(&found.expect(&same), expected);
            let mut unit = store.begin().await.unwrap();
            assert_eq!(
                unit.users().insert(&account(&user(&same))).await.unwrap(),
                Inserted::EmailTaken,
                "{same}"
            );
            unit.rollback().await.unwrap();
        }
    }
}

/// Reads do not validate stored addresses: an address that earlier rules accepted MUST stay readable through each
/// method.
pub async fn stored_addresses_stay_readable(store: Arc<dyn Store>) {
    let stored = |address: &str, normalized: &str| User {
        email: Email::from_stored(address.to_owned(), normalized.to_owned()),
        ..user_fixture()
    };
    let users = [
        stored("A\u{34f}nn@Example.org", "a\u{34f}nn@example.org"),
        stored("ann@A\u{5d0}.example", "ann@a\u{5d0}.example"),
        stored("Ann@Bücher.example", "ann@bücher.example"),
    ];
    for user in &users {
        add_users(&*store, &[user]).await;
        assert_same_user(&user_of(&*store, user.id).await.unwrap(), user);
        let mut view = store.read().await.unwrap();
        for found in [
            view.users().by_email(&user.email).await.unwrap(),
            view.users().by_login(&Email::parse_for_lookup(user.email.as_str()).unwrap()).await.unwrap(),
        ] {
            let found = found.unwrap();
            assert_same_user(&found, user);
            assert_eq!(found.email.normalized(), user.email.normalized());
        }
    }
    let page =
        store.read().await.unwrap().users().page(&UserFilter::default(), PageRequest::new(9, None)).await;
    assert_eq!(page.unwrap().items.len(), users.len());
}

/// If an earlier release created two accounts for one mailbox, `by_login` MUST find each by its own spelling.
pub async fn by_login_prefers_the_former_form(store: Arc<dyn Store>) {
    let former = Email::from_stored("Ann@Bücher.example".to_owned(), "ann@bücher.example".to_owned());
    let former = User { email: former, ..user_fixture() };
    let holder = user("ann@xn--bcher-kva.example");
    add_users(&*store, &[&former, &holder]).await;
    let by_login = async |text: &str| {
        store.read().await.unwrap().users().by_login(&email(text)).await.unwrap().map(|user| user.id)
    };
    assert_eq!(by_login("ann@BÜCHER.example").await, Some(former.id));
    assert_eq!(by_login("ann@xn--bcher-kva.example").await, Some(holder.id));
    assert_eq!(by_login("ann@ｂücher.example").await, Some(holder.id));
    assert!(in_unit!(store, |unit| unit.users().delete(former.id).await.unwrap()));
    assert_eq!(by_login("ann@bücher.example").await, Some(holder.id));
    assert_eq!(by_login("bob@bücher.example").await, None);
}

/// `insert` MUST report a taken address, also in other letters; the caller can then roll the unit back.
pub async fn a_taken_address_is_told_and_the_unit_can_be_rolled_back(store: Arc<dyn Store>) {
    let ann = user("Ann.É@Example.org");
    add_users(&*store, &[&ann]).await;
    for same in ["Ann.É@Example.org", "ann.é@example.ORG", "ANN.E\u{301}@example.org"] {
        let before = user_fixture();
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.users().insert(&account(&before)).await.unwrap(), Inserted::Inserted);
        assert_eq!(unit.users().insert(&account(&user(same))).await.unwrap(), Inserted::EmailTaken, "{same}");
        unit.rollback().await.unwrap();
        assert_eq!(user_of(&*store, before.id).await, None);
    }
    assert_same_user(&user_of(&*store, ann.id).await.unwrap(), &ann);
}

/// The index MUST decide uniqueness, also within one unit.
pub async fn an_address_is_taken_within_the_unit_too(store: Arc<dyn Store>) {
    let first = user("Twice@example.org");
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.users().insert(&account(&first)).await.unwrap(), Inserted::Inserted);
    assert_eq!(
        unit.users().insert(&account(&user("twice@example.org"))).await.unwrap(),
        Inserted::EmailTaken
    );
    unit.rollback().await.unwrap();
    assert_eq!(user_of(&*store, first.id).await, None);
}

/// Of many concurrent inserts of one address exactly one MUST win.
pub async fn of_many_inserts_of_one_address_exactly_one_wins(store: Arc<dyn Store>) {
    for round in 0..4 {
        let attempts = (0..32).map(|n| {
            let store = store.clone();
            let name = if n % 2 == 0 { "Race" } else { "rACE" };
            let user = user(&format!("{name}-{round}@example.org"));
            async move {
                let mut unit = store.begin().await.unwrap();
                match unit.users().insert(&account(&user)).await.unwrap() {
                    Inserted::Inserted => unit.commit().await.map(|()| Some(user)).unwrap(),
                    Inserted::EmailTaken => unit.rollback().await.map(|()| None).unwrap(),
                }
            }
        });
        let winners: Vec<User> = together(attempts).await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        let found = store.read().await.unwrap().users().by_email(&winners[0].email).await.unwrap();
        assert_same_user(&found.unwrap(), &winners[0]);
    }
}

/// An address is free after the rollback of its insert, also for a concurrent insert that waited.
pub async fn an_address_is_free_again_after_a_rollback(store: Arc<dyn Store>) {
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.users().insert(&account(&user("free@example.org"))).await.unwrap(), Inserted::Inserted);
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { add_users(&*store, &[&user("free@example.org")]).await }
    });
    tokio::task::yield_now().await;
    unit.rollback().await.unwrap();
    waiting.await.unwrap();
}

/// `update` changes the named fields and `updated_at`; all other fields MUST stay.
pub async fn an_update_changes_what_it_names_and_nothing_else(store: Arc<dyn Store>) {
    // The first change has a new address, and ends the mark of the former one.
    let mut current = distinct_user();
    let bystander = distinct_user();
    add_users(&*store, &[&current, &bystander]).await;
    let changes = [
        UserChange { email: Some(fresh_email()), ..UserChange::default() },
        UserChange { email_verified_at: Some(Some(now())), ..UserChange::default() },
        UserChange { email_verified_at: Some(None), ..UserChange::default() },
        UserChange { tier: Some(tier("plus")), ..UserChange::default() },
        UserChange { is_superuser: Some(true), ..UserChange::default() },
        UserChange { is_active: Some(false), ..UserChange::default() },
        UserChange { is_active: Some(true), is_superuser: Some(false), ..UserChange::default() },
        UserChange {
            email: Some(fresh_email()),
            email_verified_at: Some(Some(now() + Duration::MINUTE)),
            tier: Some(tier("free")),
            is_active: Some(false),
            is_superuser: Some(true),
        },
    ];
    for (n, change) in (1..).zip(changes) {
        let at = now() + Duration::new(n, 1_000);
        current = change.applied_to(&current, at);
        let outcome = in_unit!(store, |unit| unit.users().update(current.id, &change, at).await.unwrap());
        assert_same_user(&updated(outcome), &current);
        assert_same_user(&user_of(&*store, current.id).await.unwrap(), &current);
    }
    assert_same_user(&user_of(&*store, bystander.id).await.unwrap(), &bystander);
}

/// An update to another user's address, in any letters, is reported as taken and changes nothing.
pub async fn an_update_to_a_taken_address_changes_nothing(store: Arc<dyn Store>) {
    let (ann, bob) = (user("Ann@example.org"), user("bob@example.org"));
    add_users(&*store, &[&ann, &bob]).await;
    for taken in ["Ann@example.org", "aNN@Example.org"] {
        let change =
            UserChange { email: Some(email(taken)), tier: Some(tier("plus")), ..UserChange::default() };
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.users().update(bob.id, &change, now()).await.unwrap(), Updated::EmailTaken);
        unit.rollback().await.unwrap();
    }
    assert_same_user(&user_of(&*store, bob.id).await.unwrap(), &bob);
    assert_same_user(&user_of(&*store, ann.id).await.unwrap(), &ann);
}

/// Of many concurrent updates to one address exactly one wins.
pub async fn of_many_updates_to_one_address_exactly_one_wins(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..16).map(|_| user_fixture()).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let change = UserChange { email: Some(email("Wanted@example.org")), ..UserChange::default() };
    let attempts = users.iter().map(|user| {
        let (store, change, id) = (store.clone(), change.clone(), user.id);
        async move {
            let mut unit = store.begin().await.unwrap();
            match unit.users().update(id, &change, now()).await.unwrap() {
                Updated::Updated(user) => unit.commit().await.map(|()| Some(user)).unwrap(),
                Updated::EmailTaken => unit.rollback().await.map(|()| None).unwrap(),
                Updated::NotFound => panic!("the user is there"),
            }
        }
    });
    let winners: Vec<User> = together(attempts).await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    for user in &users {
        let found = user_of(&*store, user.id).await.unwrap();
        assert_same_user(&found, if user.id == winners[0].id { &winners[0] } else { user });
    }
}

/// An update of an unknown user is reported as not found.
pub async fn an_update_of_nobody_is_told(store: Arc<dyn Store>) {
    let change = UserChange { is_active: Some(false), ..UserChange::default() };
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.users().update(user_id(), &change, now()).await.unwrap(), Updated::NotFound);
    unit.rollback().await.unwrap();
}

/// A user's own address is not taken for that user: an update can write it in other letters, or unchanged.
pub async fn the_own_address_may_be_written_in_other_letters(store: Arc<dyn Store>) {
    let mut current = user("Ann@example.org");
    add_users(&*store, &[&current]).await;
    for own in ["ANN@example.org", "ann@Example.org", "ann@Example.org"] {
        let change = UserChange { email: Some(email(own)), ..UserChange::default() };
        current = change.applied_to(&current, now());
        let outcome = in_unit!(store, |unit| unit.users().update(current.id, &change, now()).await.unwrap());
        assert_same_user(&updated(outcome), &current);
        assert_same_user(&user_of(&*store, current.id).await.unwrap(), &current);
    }
}

/// An address that its user has changed is free and no longer finds the user.
pub async fn a_given_up_address_is_free(store: Arc<dyn Store>) {
    let ann = user("ann@example.org");
    add_users(&*store, &[&ann]).await;
    let change = UserChange { email: Some(email("lee@example.org")), ..UserChange::default() };
    updated(in_unit!(store, |unit| unit.users().update(ann.id, &change, now()).await.unwrap()));
    assert_eq!(store.read().await.unwrap().users().by_email(&ann.email).await.unwrap(), None);
    let heir = user("ANN@example.org");
    add_users(&*store, &[&heir]).await;
    let found = store.read().await.unwrap().users().by_email(&ann.email).await.unwrap();
    assert_same_user(&found.unwrap(), &heir);
}

/// `delete` MUST return `false` for an unknown user.
pub async fn a_deletion_of_an_unknown_user_answers_false(store: Arc<dyn Store>) {
    assert!(!in_unit!(store, |unit| unit.users().delete(user_id()).await.unwrap()));
}

/// The deletion of a user MUST delete their sessions and MUST leave their audit events; a second deletion returns
/// `false`.
pub async fn a_deletion_takes_the_sessions_and_leaves_the_events(store: Arc<dyn Store>) {
    let (user, bystander) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &bystander]).await;
    let sessions = [fixtures::session_of(&user), fixtures::session_of(&user)];
    let other = fixtures::session_of(&bystander);
    add_sessions(&*store, &[&sessions[0], &sessions[1]]).await;
    add_sessions(&*store, &[&other]).await;
    let logged_in = event(AuditEventKind::LoggedIn, user.id);
    in_unit!(store, |unit| unit.audit().record(&logged_in).await.unwrap());

    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    assert_eq!(user_of(&*store, user.id).await, None);
    assert_eq!(live_of(&*store, user.id).await, []);
    for session in &sessions {
        assert_eq!(session_of(&*store, session.id).await, None);
    }
    assert_eq!(events(&*store).await, [logged_in]);
    assert_eq!(live_of(&*store, bystander.id).await, [other]);
    let (far, all) = (now() + Duration::days(400), u16::MAX);
    let left = in_unit!(store, |unit| unit.sessions().sweep_ended(far, all).await.unwrap());
    assert_eq!(left, 1, "rows of the deleted user's sessions are left");

    assert!(!in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
}

/// The address of a deleted user is free.
pub async fn a_deletion_frees_the_address(store: Arc<dyn Store>) {
    let old = user("again@example.org");
    add_users(&*store, &[&old]).await;
    assert!(in_unit!(store, |unit| unit.users().delete(old.id).await.unwrap()));
    let new = user("Again@example.org");
    add_users(&*store, &[&new]).await;
    let found = store.read().await.unwrap().users().by_email(&old.email).await.unwrap();
    assert_same_user(&found.unwrap(), &new);
}
