//! `Store::register_user`: which users it adds, which it refuses, and what it waits for.

use std::sync::Arc;

use inwren_domain::account::{Inserted, Registration, User};
use inwren_domain::action_token::{ActionToken, Purpose};
use inwren_domain::audit::AuditEventKind;
use inwren_domain::kernel::PageRequest;
use inwren_domain::outbox::LetterKind;
use inwren_domain::store::Store;
use time::Duration;

use super::support::{
    account_of, add_users, assert_same_account, assert_same_user, assert_waits, events, together, user_of,
};
use crate::fixtures::{
    self, account, action_token, distinct_event, distinct_user, event, fresh_email, letter, user,
    user_fixture,
};

fn registration_of(user: &User) -> Registration {
    Registration {
        account: account(user),
        event: event(AuditEventKind::UserRegistered, user.id),
        respects_reservations: false,
        verification: None,
    }
}

/// A registration stores the user and the event unchanged.
pub async fn a_registration_keeps_user_and_event(store: Arc<dyn Store>) {
    let user = distinct_user();
    let event = distinct_event(AuditEventKind::UserRegistered, user.id);
    let registration = Registration { event, ..registration_of(&user) };
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

/// A registration stores its token and its letter in the same unit, and neither if the address is taken.
pub async fn a_registration_keeps_token_and_letter(store: Arc<dyn Store>) {
    let user = distinct_user();
    let verifying = |user: &User| {
        let token = action_token(user, Purpose::VerifyEmail);
        let letter = letter(LetterKind::EmailVerification, &user.email);
        Registration { verification: Some((token, letter)), ..registration_of(user) }
    };
    let (first, taken) = (verifying(&user), verifying(&fixtures::user(user.email.as_str())));
    assert_eq!(store.register_user(&first).await.unwrap(), Inserted::Inserted);
    assert_eq!(store.register_user(&taken).await.unwrap(), Inserted::EmailTaken);
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
    assert_eq!(events(&*store).await, [first.event]);
    let (token, letter) = first.verification.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.action_tokens().by_id(token.id).await.unwrap(), Some(token));
    let letters = view.outbox().page(None, PageRequest::new(9, None)).await.unwrap();
    assert_eq!(letters.items, [letter]);
}

/// If a registration respects reservations, an address that an undo token may restore MUST count as taken.
pub async fn a_reserved_address_registers_nobody(store: Arc<dyn Store>) {
    let mover = user_fixture();
    add_users(&*store, &[&mover]).await;
    let reserved = fresh_email();
    let undo = ActionToken { email: reserved.clone(), ..action_token(&mover, Purpose::UndoEmail) };
    in_unit!(store, |unit| {
        unit.users().lock(mover.id).await.unwrap();
        unit.action_tokens().insert(&undo).await.unwrap();
    });
    let at = |created_at| User { created_at, ..user(reserved.as_str()) };
    let respecting = |user: &User| Registration { respects_reservations: true, ..registration_of(user) };
    let early = respecting(&at(undo.expires_at - Duration::MICROSECOND));
    assert_eq!(store.register_user(&early).await.unwrap(), Inserted::EmailTaken);
    assert_eq!(user_of(&*store, early.account.user.id).await, None);
    assert_eq!(events(&*store).await, []);
    let late = respecting(&at(undo.expires_at));
    assert_eq!(store.register_user(&late).await.unwrap(), Inserted::Inserted);
    assert_same_user(&user_of(&*store, late.account.user.id).await.unwrap(), &late.account.user);
}
