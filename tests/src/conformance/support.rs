//! Helpers that the cases share.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use inwren_domain::account::{Inserted, Updated, User, UserFilter};
use inwren_domain::audit::{AuditEvent, AuditFilter};
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::{PageRequest, SessionId, UserId};
use inwren_domain::session::Session;
use inwren_domain::store::{Store, UnitOfWork};
use time::OffsetDateTime;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use crate::fakes::dawdling_store;
use crate::fixtures::account;

/// Rounds of each race. They detect a store that loses one race in twenty in most runs.
pub(super) const ROUNDS: usize = 20;

/// How long a test watches a task that has to wait.
const WATCH: Duration = Duration::from_millis(150);

/// One of several concurrent tasks.
pub(crate) type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The same store, which lets other tasks run between any two calls.
pub(crate) fn dawdling(store: &Arc<dyn Store>) -> Arc<dyn Store> {
    dawdling_store(store.clone())
}

/// Starts each future in its own task, all at the same moment, and returns the results in the order of the futures.
pub(crate) async fn together<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let start = Arc::new(Barrier::new(tasks.len()));
    let run = |task: F| {
        let start = start.clone();
        tokio::spawn(async move {
            start.wait().await;
            task.await
        })
    };
    let running: Vec<JoinHandle<T>> = tasks.into_iter().map(run).collect();
    let mut results = Vec::with_capacity(running.len());
    for task in running {
        results.push(task.await.expect("a task that ends well"));
    }
    results
}

/// Makes a call 1,000 times concurrently, and returns how many calls returned `true`.
pub(super) async fn successes_of_many<F>(call: impl Fn() -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    together((0..1_000).map(|_| call())).await.into_iter().filter(|success| *success).count()
}

/// Begins a unit beside an open one. `None` if the store has a single writer, for which the new unit would wait.
pub(super) async fn second_unit(store: &dyn Store) -> Option<Box<dyn UnitOfWork>> {
    let begun = tokio::time::timeout(WATCH, store.begin()).await.ok();
    begun.map(|unit| unit.expect("a unit"))
}

/// Checks that the task is still waiting after `WATCH`.
pub(super) async fn assert_waits<T>(task: &mut JoinHandle<T>) {
    let ended = tokio::time::timeout(WATCH, task).await.is_ok();
    assert!(!ended, "nobody waited for the unit to end");
}

/// Adds users.
pub(super) async fn add_users(store: &dyn Store, users: &[&User]) {
    in_unit!(store, |unit| for user in users {
        assert_eq!(unit.users().insert(&account(user)).await.unwrap(), Inserted::Inserted);
    });
}

/// Adds sessions of one user.
pub(super) async fn add_sessions(store: &dyn Store, sessions: &[&Session]) {
    in_unit!(store, |unit| for session in sessions {
        unit.users().lock(session.user_id).await.unwrap();
        unit.sessions().insert(session).await.unwrap();
    });
}

/// `count` sessions of the user, each a microsecond newer than the previous one.
pub(super) fn many_sessions(user: &User, count: usize) -> Vec<Session> {
    let made = |micros: usize| {
        let created_at = crate::fixtures::now() + time::Duration::microseconds(micros as i64);
        Session { created_at, ..crate::fixtures::session_of(user) }
    };
    (0..count).map(made).collect()
}

/// The user as committed.
pub(super) async fn user_of(store: &dyn Store, id: UserId) -> Option<User> {
    store.read().await.unwrap().users().by_id(id).await.unwrap()
}

/// The account as committed.
pub(super) async fn account_of(store: &dyn Store, id: UserId) -> Option<Account> {
    store.read().await.unwrap().credentials().by_id(id).await.unwrap()
}

/// The hash of the user's password as committed.
pub(super) async fn password_of(store: &dyn Store, id: UserId) -> Option<PasswordHash> {
    account_of(store, id).await.and_then(|account| account.password)
}

/// The session and its user as committed.
pub(super) async fn session_and_user(store: &dyn Store, id: SessionId) -> Option<(Session, User)> {
    store.read().await.unwrap().sessions().with_user(id).await.unwrap()
}

/// The session as committed.
pub(super) async fn session_of(store: &dyn Store, id: SessionId) -> Option<Session> {
    session_and_user(store, id).await.map(|(session, _)| session)
}

/// The user's live sessions at the fixtures' time.
pub(super) async fn live_of(store: &dyn Store, user: UserId) -> Vec<Session> {
    let now = crate::fixtures::now();
    live_at(store, user, now).await
}

/// The user's live sessions at a time, which must fit on one page.
pub(super) async fn live_at(store: &dyn Store, user: UserId, now: OffsetDateTime) -> Vec<Session> {
    let request = PageRequest::new(PageRequest::MAX_LIMIT, None);
    let page = store.read().await.unwrap().sessions().live_of(user, now, request).await.unwrap();
    assert_eq!(page.next, None, "more sessions than a case makes");
    page.items
}

/// All events as committed, newest first.
pub(super) async fn events(store: &dyn Store) -> Vec<AuditEvent> {
    crate::fixtures::audit_events(store, &AuditFilter::default()).await.unwrap()
}

/// All users as committed, newest first.
pub(super) async fn all_users(store: &dyn Store) -> Vec<User> {
    let mut view = store.read().await.unwrap();
    let request = PageRequest::new(PageRequest::MAX_LIMIT, None);
    let page = view.users().page(&UserFilter::default(), request).await.unwrap();
    assert_eq!(page.next, None, "more users than a case makes");
    page.items
}

/// The ids of the active superusers as committed.
pub(super) async fn active_superusers(store: &dyn Store) -> Vec<UserId> {
    let users = all_users(store).await;
    users.into_iter().filter(|user| user.is_active && user.is_superuser).map(|user| user.id).collect()
}

/// Checks that two users are equal in every field, also in the spelling of the address.
#[track_caller]
pub(super) fn assert_same_user(found: &User, expected: &User) {
    assert_eq!(found.email.as_str(), expected.email.as_str());
    assert_eq!(found, expected);
}

/// Checks that two accounts are equal in every field.
#[track_caller]
pub(super) fn assert_same_account(found: &Account, expected: &Account) {
    assert_same_user(&found.user, &expected.user);
    let hash = |account: &Account| account.password.as_ref().map(|hash| hash.expose().to_owned());
    assert_eq!(hash(found), hash(expected));
}

/// Checks that the update succeeded, and returns the updated user.
#[track_caller]
pub(super) fn updated(outcome: Updated) -> User {
    match outcome {
        Updated::Updated(user) => user,
        other => panic!("not updated: {other:?}"),
    }
}
