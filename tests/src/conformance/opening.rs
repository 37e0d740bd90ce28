//! `Store::open_session`: what is opened, what is not, and what it waits for.

use std::sync::Arc;

use inwren_domain::model::{AuditEvent, AuditEventKind, Session, User, UserChange};
use inwren_domain::ports::{Opening, OpeningOutcome, Store};

use super::support::{
    add_sessions, add_users, assert_same_user, assert_waits, events, live_of, session_and_user, session_of,
    together, updated, user_of,
};
use crate::fixtures::{self, now, password_hash, somebody};

fn opening_for(user: &User) -> Opening {
    let session = fixtures::session_of(user);
    let event =
        AuditEvent { session_id: Some(session.id), ..fixtures::event(AuditEventKind::LoggedIn, user.id) };
    Opening { session, credential_version: user.credential_version, rehashed: None, event }
}

/// An opening keeps the session and the event as they are, and gives the user.
pub async fn an_opening_keeps_session_and_event(store: Arc<dyn Store>) {
    let (user, other) = (somebody(), somebody());
    add_users(&*store, &[&user, &other]).await;
    let earlier = fixtures::session_of(&user);
    add_sessions(&*store, &[&earlier]).await;
    let opening = opening_for(&user);
    assert_eq!(store.open_session(&opening).await.unwrap(), OpeningOutcome::Opened(user.clone()));
    let (session, its_user) = session_and_user(&*store, opening.session.id).await.unwrap();
    assert_eq!(session, opening.session);
    assert_same_user(&its_user, &user);
    assert_eq!(events(&*store).await, [opening.event]);
    assert_eq!(session_of(&*store, earlier.id).await, Some(earlier));
    assert_eq!(live_of(&*store, other.id).await, []);
}

/// A hash that comes along takes the old one's place, in the same unit, and changes nothing else of the user.
pub async fn an_opening_renews_the_hash(store: Arc<dyn Store>) {
    let user = somebody();
    add_users(&*store, &[&user]).await;
    let hash = password_hash();
    let opening = Opening { rehashed: Some(hash.clone()), ..opening_for(&user) };
    let renewed = User { hashed_password: hash, ..user };
    assert_eq!(store.open_session(&opening).await.unwrap(), OpeningOutcome::Opened(renewed.clone()));
    assert_same_user(&user_of(&*store, renewed.id).await.unwrap(), &renewed);
    assert!(session_of(&*store, opening.session.id).await.is_some());
}

/// Nothing is opened, told or renewed for somebody who is gone, inactive, or has another password by now.
pub async fn an_overtaken_opening_changes_nothing(store: Arc<dyn Store>) {
    let (stranger, inactive, changed) = (somebody(), User { is_active: false, ..somebody() }, somebody());
    add_users(&*store, &[&inactive, &changed]).await;
    let openings = [&stranger, &inactive, &changed].map(opening_for);
    let hash = password_hash();
    in_unit!(store, |unit| {
        assert!(unit.users().change_password(changed.id, 0, &hash, now()).await.unwrap());
    });
    for opening in &openings {
        for rehashed in [None, Some(password_hash())] {
            let opening = Opening { rehashed, ..opening.clone() };
            assert_eq!(store.open_session(&opening).await.unwrap(), OpeningOutcome::Overtaken);
            assert_eq!(session_of(&*store, opening.session.id).await, None);
        }
    }
    assert_eq!(events(&*store).await, []);
    let kept = user_of(&*store, changed.id).await.unwrap();
    assert_eq!((kept.hashed_password.expose(), kept.credential_version), (hash.expose(), 1));
    let kept = user_of(&*store, inactive.id).await.unwrap();
    assert_eq!(kept.hashed_password.expose(), inactive.hashed_password.expose());
}

/// Many at once, of one user and of several, are all opened, each with its own event.
pub async fn many_openings_at_once_are_all_there(store: Arc<dyn Store>) {
    let users = [somebody(), somebody(), somebody()];
    add_users(&*store, &users.each_ref()).await;
    let openings: Vec<Opening> = (0..30).map(|number| opening_for(&users[number % 3])).collect();
    let opened = together(openings.iter().cloned().map(|opening| {
        let store = store.clone();
        async move { store.open_session(&opening).await.unwrap() }
    }))
    .await;
    for (outcome, opening) in opened.iter().zip(&openings) {
        let OpeningOutcome::Opened(user) = outcome else { panic!("{outcome:?}") };
        assert_eq!(user.id, opening.session.user_id);
    }
    for user in &users {
        assert_eq!(live_of(&*store, user.id).await.len(), 10);
    }
    let told: Vec<_> = events(&*store).await.into_iter().map(|event| event.session_id).collect();
    assert_eq!(told.len(), openings.len());
    assert!(openings.iter().all(|opening: &Opening| told.contains(&Some(opening.session.id))));
}

/// An opening waits for the unit that has locked the user, and then finds what that one left.
pub async fn an_opening_does_not_slip_past_a_lock(store: Arc<dyn Store>) {
    for deactivates in [true, false] {
        let user = somebody();
        add_users(&*store, &[&user]).await;
        let mut unit = store.begin().await.unwrap();
        unit.users().lock(user.id).await.unwrap();
        let opening = opening_for(&user);
        let mut waiting = tokio::spawn({
            let (store, opening) = (store.clone(), opening.clone());
            async move { store.open_session(&opening).await.unwrap() }
        });
        assert_waits(&mut waiting).await;
        if deactivates {
            let change = UserChange { is_active: Some(false), ..UserChange::default() };
            updated(unit.users().update(user.id, &change, now()).await.unwrap());
        } else {
            assert!(unit.users().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
        }
        unit.commit().await.unwrap();
        assert_eq!(waiting.await.unwrap(), OpeningOutcome::Overtaken);
        let found: Option<Session> = session_of(&*store, opening.session.id).await;
        assert_eq!(found, None);
    }
}

/// An opening that waited for a unit which was rolled back goes on.
pub async fn an_opening_goes_on_after_a_rollback(store: Arc<dyn Store>) {
    let user = somebody();
    add_users(&*store, &[&user]).await;
    let mut unit = store.begin().await.unwrap();
    assert!(unit.users().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
    let opening = opening_for(&user);
    let mut waiting = tokio::spawn({
        let (store, opening) = (store.clone(), opening.clone());
        async move { store.open_session(&opening).await.unwrap() }
    });
    assert_waits(&mut waiting).await;
    unit.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap(), OpeningOutcome::Opened(user));
}
