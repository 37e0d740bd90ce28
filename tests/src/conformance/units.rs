//! `Store::read`, `Store::begin` and the end of a unit of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inwren_domain::account::{Inserted, Tier, User, UserChange, UserFilter};
use inwren_domain::audit::{AuditEvent, AuditEventKind, AuditFilter};
use inwren_domain::kernel::PageRequest;
use inwren_domain::session::{RevocationReason, Session};
use inwren_domain::store::{ReadView, Store, UnitOfWork};
use tokio::sync::oneshot;

use super::support::{
    add_sessions, add_users, all_users, assert_same_user, events, live_of, session_of, together, updated,
    user_of,
};
use crate::fixtures::{self, account, event, now, password_hash, user_fixture};

/// A working store answers a ping.
pub async fn a_working_store_answers_a_ping(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
}

/// Writes of users, sessions and events MUST become visible at the commit, and not before.
pub async fn writes_are_visible_from_the_commit_on(store: Arc<dyn Store>) {
    let (user, session, logged_in) = login();
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.users().insert(&account(&user)).await.unwrap(), Inserted::Inserted);
    unit.sessions().insert(&session).await.unwrap();
    unit.audit().record(&logged_in).await.unwrap();

    assert_eq!(user_of(&*store, user.id).await, None);
    assert_eq!(store.read().await.unwrap().users().by_email(&user.email).await.unwrap(), None);
    assert_eq!(all_users(&*store).await, []);
    assert_eq!(session_of(&*store, session.id).await, None);
    assert_eq!(live_of(&*store, user.id).await, []);
    assert_eq!(events(&*store).await, []);

    unit.commit().await.unwrap();
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
    assert_eq!(session_of(&*store, session.id).await, Some(session.clone()));
    assert_eq!(live_of(&*store, user.id).await, [session]);
    assert_eq!(events(&*store).await, [logged_in]);
}

/// Inserts, changes and deletions MUST NOT become visible if the unit is rolled back.
pub async fn a_rollback_undoes_everything(store: Arc<dyn Store>) {
    undone(store, async |unit| unit.rollback().await.unwrap()).await;
}

/// Writes MUST NOT become visible if the unit is dropped.
pub async fn a_dropped_unit_undoes_everything(store: Arc<dyn Store>) {
    undone(store, async |unit| drop(unit)).await;
}

async fn undone(store: Arc<dyn Store>, end: impl AsyncFn(Box<dyn UnitOfWork>)) {
    let (user, session, registered) = login();
    let (doomed, ..) = login();
    add_users(&*store, &[&user, &doomed]).await;
    add_sessions(&*store, &[&session]).await;
    in_unit!(store, |unit| unit.audit().record(&registered).await.unwrap());

    for _ in 0..3 {
        let (new, other, logged_in) = login();
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.users().insert(&account(&new)).await.unwrap(), Inserted::Inserted);
        unit.sessions().insert(&other).await.unwrap();
        updated(unit.users().update(user.id, &to_tier(1), now()).await.unwrap());
        assert!(unit.credentials().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
        let reason = RevocationReason::PasswordChanged;
        assert_eq!(unit.sessions().revoke_all(user.id, None, reason, now()).await.unwrap(), 1);
        assert!(unit.users().delete(doomed.id).await.unwrap());
        unit.audit().record(&logged_in).await.unwrap();
        end(unit).await;

        assert_eq!(user_of(&*store, new.id).await, None);
        assert_eq!(session_of(&*store, other.id).await, None);
        assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
        assert_same_user(&user_of(&*store, doomed.id).await.unwrap(), &doomed);
        assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(&session));
        assert_eq!(events(&*store).await, std::slice::from_ref(&registered));
    }
}

/// A unit sees its own writes.
pub async fn a_unit_sees_its_own_writes(store: Arc<dyn Store>) {
    let user = User { is_superuser: true, ..user_fixture() };
    let session = fixtures::session_of(&user);
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.users().insert(&account(&user)).await.unwrap(), Inserted::Inserted);
    assert_same_user(&unit.users().lock(user.id).await.unwrap().unwrap(), &user);
    assert_eq!(unit.users().lock_active_superusers().await.unwrap(), [user.id]);
    assert!(unit.credentials().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
    assert!(!unit.credentials().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
    assert_eq!(unit.users().lock(user.id).await.unwrap().unwrap().credential_version, 1);
    let demotion = UserChange { is_superuser: Some(false), ..UserChange::default() };
    updated(unit.users().update(user.id, &demotion, now()).await.unwrap());
    assert_eq!(unit.users().lock_active_superusers().await.unwrap(), []);
    unit.sessions().insert(&session).await.unwrap();
    let reason = RevocationReason::Logout;
    assert!(unit.sessions().revoke(session.id, user.id, reason, now()).await.unwrap().is_some());
    assert!(unit.sessions().revoke(session.id, user.id, reason, now()).await.unwrap().is_none());
    assert!(unit.users().delete(user.id).await.unwrap());
    assert_eq!(unit.users().lock(user.id).await.unwrap(), None);
    unit.commit().await.unwrap();
    assert_eq!(user_of(&*store, user.id).await, None);
}

/// Each call on a view MUST see everything that was committed before the call, also after the view was opened.
pub async fn an_open_view_sees_later_commits(store: Arc<dyn Store>) {
    let (user, session, logged_in) = login();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.users().by_id(user.id).await.unwrap(), None);
    assert_eq!(latest_events(&mut *view).await, []);
    add_users(&*store, &[&user]).await;
    assert!(view.users().by_id(user.id).await.unwrap().is_some());
    let all = PageRequest::new(PageRequest::MAX_LIMIT, None);
    assert_eq!(view.sessions().live_of(user.id, now(), all).await.unwrap().items, []);
    add_sessions(&*store, &[&session]).await;
    assert_eq!(view.sessions().live_of(user.id, now(), all).await.unwrap().items, [session]);
    in_unit!(store, |unit| unit.audit().record(&logged_in).await.unwrap());
    assert_eq!(latest_events(&mut *view).await, [logged_in]);
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    assert_eq!(view.users().by_id(user.id).await.unwrap(), None);
}

/// The writes of a unit MUST become visible together: no reader ever sees a part of them.
pub async fn a_commit_is_never_seen_in_part(store: Arc<dyn Store>) {
    let (left, right) = (user_fixture(), user_fixture());
    add_users(&*store, &[&left, &right]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (store, stop) = (store.clone(), stop.clone());
            tokio::spawn(async move {
                let mut seen = 0;
                while !stop.load(Ordering::SeqCst) || seen == 0 {
                    let mut view = store.read().await.unwrap();
                    let request = PageRequest::new(2, None);
                    let users = view.users().page(&UserFilter::default(), request).await.unwrap().items;
                    assert_eq!(users[0].tier, users[1].tier, "half a unit was seen");
                    seen += 1;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 0..50 {
        in_unit!(store, |unit| for id in [left.id, right.id] {
            updated(unit.users().update(id, &to_tier(n), now()).await.unwrap());
        });
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}

/// A unit that was dropped, at any step, blocks no other unit.
pub async fn a_dropped_unit_does_not_block_the_next(store: Arc<dyn Store>) {
    let user = User { is_superuser: true, ..user_fixture() };
    add_users(&*store, &[&user]).await;
    for round in 0..40 {
        let mut unit = store.begin().await.unwrap();
        if round % 4 > 0 {
            unit.users().lock(user.id).await.unwrap();
        }
        if round % 4 > 1 {
            updated(unit.users().update(user.id, &to_tier(0), now()).await.unwrap());
        }
        if round % 4 > 2 {
            let twin = User { id: fixtures::user_id(), ..user.clone() };
            assert_eq!(unit.users().insert(&account(&twin)).await.unwrap(), Inserted::EmailTaken);
        }
        drop(unit);
    }
    let locked = in_unit!(store, |unit| unit.users().lock(user.id).await.unwrap());
    assert_same_user(&locked.unwrap(), &user);
}

/// A unit whose task is cancelled, while it holds or waits for a lock, is rolled back and blocks no other unit.
pub async fn a_cancelled_unit_does_not_block_the_next(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    for _ in 0..10 {
        let (locked, holds) = oneshot::channel();
        let holder = tokio::spawn({
            let (store, id) = (store.clone(), user.id);
            async move {
                let mut unit = store.begin().await.unwrap();
                updated(unit.users().update(id, &to_tier(7), now()).await.unwrap());
                locked.send(()).unwrap();
                std::future::pending::<()>().await;
                unit.commit().await.unwrap();
            }
        });
        holds.await.unwrap();
        let waiting = tokio::spawn({
            let (store, id) = (store.clone(), user.id);
            async move {
                let mut unit = store.begin().await.unwrap();
                updated(unit.users().update(id, &to_tier(8), now()).await.unwrap());
                unit.commit().await.unwrap();
            }
        });
        let mut waiting = waiting;
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        waiting.abort();
        holder.abort();
        assert!(waiting.await.is_err() && holder.await.is_err());
        let found = in_unit!(store, |unit| unit.users().lock(user.id).await.unwrap());
        assert_same_user(&found.unwrap(), &user);
    }
}

/// Many concurrent units, each with its own user, all commit.
pub async fn many_units_at_once_all_commit(store: Arc<dyn Store>) {
    let logins = (0..64).map(|_| {
        let store = store.clone();
        async move {
            let (user, session, logged_in) = login();
            in_unit!(store, |unit| {
                assert_eq!(unit.users().insert(&account(&user)).await.unwrap(), Inserted::Inserted);
                unit.sessions().insert(&session).await.unwrap();
                unit.audit().record(&logged_in).await.unwrap();
            });
            (user, session)
        }
    });
    let done = together(logins).await;
    assert_eq!(all_users(&*store).await.len(), done.len());
    assert_eq!(events(&*store).await.len(), done.len());
    for (user, session) in done {
        assert_eq!(live_of(&*store, user.id).await, [session]);
    }
}

/// A reader never waits for the end of a unit, however much the unit has locked.
pub async fn a_reader_does_not_wait_for_a_unit(store: Arc<dyn Store>) {
    let user = User { is_superuser: true, ..user_fixture() };
    let session = fixtures::session_of(&user);
    add_users(&*store, &[&user]).await;
    add_sessions(&*store, &[&session]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock_active_superusers().await.unwrap();
    updated(unit.users().update(user.id, &to_tier(3), now()).await.unwrap());
    let reason = RevocationReason::Logout;
    assert!(unit.sessions().revoke(session.id, user.id, reason, now()).await.unwrap().is_some());
    let reads = async {
        assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
        assert_eq!(live_of(&*store, user.id).await, [session]);
    };
    tokio::time::timeout(Duration::from_secs(60), reads).await.expect("a reader waited for a unit");
    unit.commit().await.unwrap();
}

fn login() -> (User, Session, AuditEvent) {
    let user = user_fixture();
    let session = fixtures::session_of(&user);
    let event = event(AuditEventKind::LoggedIn, user.id);
    (user, session, event)
}

fn to_tier(n: usize) -> UserChange {
    UserChange { tier: Some(Tier::from_stored(format!("tier-{n}"))), ..UserChange::default() }
}

async fn latest_events(view: &mut dyn ReadView) -> Vec<AuditEvent> {
    let request = PageRequest::new(PageRequest::MAX_LIMIT, None);
    view.audit().page(&AuditFilter::default(), request).await.unwrap().items
}
