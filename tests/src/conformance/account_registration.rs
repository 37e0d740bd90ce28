//! `Store::register_user`: which users it adds, which it refuses, and what it waits for.

use std::sync::Arc;

use inwren_domain::account::{Inserted, Registration, User};
use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;

use super::support::{
    account_of, add_users, assert_same_account, assert_same_user, assert_waits, events, together, user_of,
};
use crate::fixtures::{account, distinct_event, distinct_user, event, user, user_fixture};

fn registration_of(user: &User) -> Registration {
    Registration { account: account(user), event: event(AuditEventKind::UserRegistered, user.id) }
}

/// A registration stores the user and the event unchanged.
pub async fn a_registration_keeps_user_and_event(store: Arc<dyn Store>) {
    let user = distinct_user();
    let event = distinct_event(AuditEventKind::UserRegistered, user.id);
    let registration = Registration { account: account(&user), event };
    assert_eq!(store.register_user(&registration).await.unwrap(), Inserted::Inserted);
    assert_same_account(
        &account_of(&*store, registration.account.user.id).await.unwrap(),
        &registration.account,
    );
    assert_eq!(events(&*store).await, [registration.event]);
}

/// If another user has the address, also in other letters, nothing MUST change: no user and no event is added.
pub async fn a_taken_address_registers_nobody(store: Arc<dyn Store>) {
    let ann = user("Ann.É@Example.org");
    add_users(&*store, &[&ann]).await;
    for same in ["Ann.É@Example.org", "ann.é@example.ORG", "ANN.E\u{301}@example.org"] {
        let other = registration_of(&user(same));
        assert_eq!(store.register_user(&other).await.unwrap(), Inserted::EmailTaken, "{same}");
        assert_eq!(user_of(&*store, other.account.user.id).await, None);
    }
    assert_eq!(events(&*store).await, []);
    assert_same_user(&user_of(&*store, ann.id).await.unwrap(), &ann);
}

/// Of many concurrent registrations of one address exactly one MUST win, and only that one has an event.
pub async fn of_many_registrations_of_one_address_exactly_one_wins(store: Arc<dyn Store>) {
    let mut won = Vec::new();
    for round in 0..4 {
        let attempts = (0..32).map(|n| {
            let store = store.clone();
            let name = if n % 2 == 0 { "Race" } else { "rACE" };
            let registration = registration_of(&user(&format!("{name}-{round}@example.org")));
            async move { (store.register_user(&registration).await.unwrap(), registration) }
        });
        let answers = together(attempts).await;
        let winners = answers.into_iter().filter(|(inserted, _)| *inserted == Inserted::Inserted);
        let winners: Vec<Registration> = winners.map(|(_, registration)| registration).collect();
        assert_eq!(winners.len(), 1);
        let found =
            store.read().await.unwrap().users().by_email(&winners[0].account.user.email).await.unwrap();
        assert_same_user(&found.unwrap(), &winners[0].account.user);
        won.extend(winners);
    }
    let mut told: Vec<_> = events(&*store).await.into_iter().map(|event| event.id).collect();
    let mut expected: Vec<_> = won.into_iter().map(|registration| registration.event.id).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

/// A registration waits for a unit that has inserted the address, and then sees the outcome of that unit.
pub async fn a_registration_waits_for_a_unit_with_its_address(store: Arc<dyn Store>) {
    for commits in [true, false] {
        let first = user_fixture();
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.users().insert(&account(&first)).await.unwrap(), Inserted::Inserted);
        let registration = registration_of(&User { email: first.email.clone(), ..user_fixture() });
        let mut waiting = tokio::spawn({
            let (store, registration) = (store.clone(), registration.clone());
            async move { store.register_user(&registration).await.unwrap() }
        });
        assert_waits(&mut waiting).await;
        let expected = if commits {
            unit.commit().await.unwrap();
            Inserted::EmailTaken
        } else {
            unit.rollback().await.unwrap();
            Inserted::Inserted
        };
        assert_eq!(waiting.await.unwrap(), expected);
        let found = user_of(&*store, registration.account.user.id).await;
        assert_eq!(found.is_some(), expected == Inserted::Inserted);
    }
}
