//! A write that was reported as failed is not executed later, when the database continues.

use std::time::{Duration, Instant};

use inwren_adapters::store::sql::{SqlOptions, SqlStore};
use inwren_domain::account::{Inserted, Registration, User, UserChange};
use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{RevocationReason, RotationOutcome, Session, SessionStart, SessionStartOutcome};
use inwren_domain::store::{Store, UnitOfWork};
use inwren_tests::fixtures::{self, now, password_hash, rotation_of, user_fixture};
use inwren_tests::process::PATIENCE;
use inwren_tests::stores::{PrivatePostgres, TempFolder, open};
use sea_orm_migration::sea_orm::{ConnectOptions, ConnectionTrait as _, Database};

/// Time after a freeze within which PostgreSQL has executed all statements that it received during the freeze.
const SETTLED: Duration = Duration::from_secs(1);

/// Connects with short timeouts and one connection, so that a statement is prepared on the connection that executes it.
async fn connect(url: &str) -> SqlStore {
    let options = SqlOptions {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(1_500),
        lock_timeout: Duration::from_millis(1_000),
        statement_timeout: Duration::from_millis(1_500),
        ..SqlOptions::default()
    };
    open(url, &options).await
}

fn registration_of(user: &User) -> Registration {
    Registration {
        account: fixtures::account(user),
        event: fixtures::event(AuditEventKind::UserRegistered, user.id),
        respects_reservations: false,
        verification: None,
    }
}

fn opening_of(user: &User) -> SessionStart {
    let session = fixtures::session_of(user);
    let event =
        AuditEvent { session_id: Some(session.id), ..fixtures::event(AuditEventKind::LoggedIn, user.id) };
    SessionStart {
        session,
        credential_version: user.credential_version,
        rehashed: None,
        event,
        notice: None,
        max_sessions: 100,
    }
}

/// A user with a live session.
async fn opened(store: &SqlStore) -> (User, Session) {
    let user = user_fixture();
    assert_eq!(store.register_user(&registration_of(&user)).await.unwrap(), Inserted::Inserted);
    let opening = opening_of(&user);
    assert_eq!(store.open_session(&opening).await.unwrap(), SessionStartOutcome::Opened(user.clone()));
    (user, opening.session)
}

async fn session_of(store: &SqlStore, session: &Session) -> Option<Session> {
    let mut view = store.read().await.unwrap();
    view.sessions().with_user(session.id).await.unwrap().map(|(session, _)| session)
}

/// An uncommitted unit that has revoked the session and deactivated the user.
async fn revoking(store: &SqlStore, user: &User, session: &Session) -> Box<dyn UnitOfWork> {
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    let reason = RevocationReason::Logout;
    assert!(unit.sessions().revoke(session.id, user.id, reason, now()).await.unwrap().is_some());
    let change = UserChange { is_active: Some(false), ..UserChange::default() };
    unit.users().update(user.id, &change, now()).await.unwrap();
    unit
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_frozen_database_received_is_not_made_later() {
    let server = PrivatePostgres::start();
    let store = connect(&server.url()).await;
    inwren_migration::migrate_up(store.writer()).await.unwrap();
    let (rotating, opening) = (connect(&server.url()).await, connect(&server.url()).await);
    let (rehashing, registering) = (connect(&server.url()).await, connect(&server.url()).await);
    let committing = connect(&server.url()).await;

    // Runs each write once, so that its statement is prepared: then the server receives the whole write in one message.
    let (user, session) = opened(&store).await;
    let rotated = rotating.rotate_session(&rotation_of(&session)).await.unwrap();
    assert!(matches!(rotated, RotationOutcome::Rotated(..)));
    let session = session_of(&store, &session).await.unwrap();
    opening.open_session(&opening_of(&user)).await.unwrap();
    let rehash = |opening: SessionStart| SessionStart { rehashed: Some(password_hash()), ..opening };
    rehashing.open_session(&rehash(opening_of(&user))).await.unwrap();
    registering.register_user(&registration_of(&user_fixture())).await.unwrap();
    let unit = revoking(&committing, &user, &session).await;

    let (late_opening, late_rehash) = (opening_of(&user), rehash(opening_of(&user)));
    let late = user_fixture();
    let (late_rotation, late_registration) = (rotation_of(&session), registration_of(&late));
    server.freeze();
    let begun = Instant::now();
    let (a, b, c, d, e) = tokio::join!(
        rotating.rotate_session(&late_rotation),
        opening.open_session(&late_opening),
        rehashing.open_session(&late_rehash),
        registering.register_user(&late_registration),
        unit.commit(),
    );
    let took = begun.elapsed();
    server.thaw();
    tokio::time::sleep(SETTLED).await;
    for (what, error) in [
        ("rotation", a.err()),
        ("session start", b.err()),
        ("session start with a new hash", c.err()),
        ("registration", d.err()),
        ("unit", e.err()),
    ] {
        let Some(error) = error else { panic!("{what}: answered by a frozen database") };
        println!("{what}: {error}");
    }
    assert!(took < PATIENCE, "{took:?}");

    let reader = connect(&server.url()).await;
    assert_eq!(session_of(&reader, &session).await.as_ref(), Some(&session), "rotated or revoked later");
    for opening in [&late_opening, &late_rehash] {
        assert_eq!(session_of(&reader, &opening.session).await, None, "opened later");
    }
    let mut view = reader.read().await.unwrap();
    assert_eq!(view.users().by_id(late.id).await.unwrap(), None, "registered later");
    assert!(view.users().by_id(user.id).await.unwrap().unwrap().is_active, "shut out later");
    drop(view);

    // All writes work again.
    let again = rotating.rotate_session(&late_rotation).await.unwrap();
    assert!(matches!(again, RotationOutcome::Rotated(..)), "{again:?}");
    assert!(matches!(opening.open_session(&late_opening).await.unwrap(), SessionStartOutcome::Opened(_)));
    assert!(matches!(rehashing.open_session(&late_rehash).await.unwrap(), SessionStartOutcome::Opened(_)));
    let registered = registering.register_user(&late_registration).await.unwrap();
    assert_eq!(registered, Inserted::Inserted);
    revoking(&committing, &user, &session).await.commit().await.unwrap();
    assert!(session_of(&reader, &session).await.unwrap().revoked.is_some());
}

/// The connection is frozen while it waits for a lock, and the lock is free when it continues.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waited_for_a_lock_keeps_its_deadline() {
    let server = PrivatePostgres::start();
    let store = connect(&server.url()).await;
    inwren_migration::migrate_up(store.writer()).await.unwrap();
    let (user, session) = opened(&store).await;
    let waiting = connect(&server.url()).await;
    waiting.open_session(&opening_of(&user)).await.unwrap();
    let mut holder = store.begin().await.unwrap();
    holder.users().lock(user.id).await.unwrap();

    let late = opening_of(&user);
    let (opening, waiter) = (late.clone(), waiting.clone());
    let attempt = tokio::spawn(async move { waiter.open_session(&opening).await });
    let question = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let pid: i32 = loop {
        let rows = tokio::task::block_in_place(|| server.ask(question));
        if let Some(row) = rows.first() {
            break row.try_get("", "pid").unwrap();
        }
    };
    server.freeze_one(pid.cast_unsigned());
    holder.rollback().await.unwrap();
    let refused = attempt.await.unwrap();
    assert!(refused.is_err(), "{refused:?}");
    server.thaw();
    tokio::time::sleep(SETTLED).await;
    let reader = connect(&server.url()).await;
    assert_eq!(session_of(&reader, &late.session).await, None, "opened later");
    assert!(session_of(&reader, &session).await.is_some());
}

#[tokio::test]
async fn a_file_that_was_locked_too_long_is_not_written_later() {
    let folder = TempFolder::new();
    let url = format!("sqlite://{}", folder.path().join("store.db").display());
    let store = connect(&url).await;
    inwren_migration::migrate_up(store.writer()).await.unwrap();
    let mut options = ConnectOptions::new(&url);
    options.max_connections(1).sqlx_logging(false);
    let other = Database::connect(options).await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();

    // The second registration gets its turn when the first has given up, about half-way through its own timeout.
    let (first, second) = (user_fixture(), user_fixture());
    let register = |user: &User| {
        let (store, registration) = (store.clone(), registration_of(user));
        tokio::spawn(async move { store.register_user(&registration).await })
    };
    let refused = register(&first);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused_later = register(&second);
    for attempt in [refused, refused_later] {
        let refused = attempt.await.unwrap();
        assert!(matches!(refused, Err(StoreError::Busy(_) | StoreError::Unavailable(_))), "{refused:?}");
    }
    other.execute_unprepared("ROLLBACK").await.unwrap();
    // The store makes writes in the order of the calls.
    let last = user_fixture();
    assert_eq!(store.register_user(&registration_of(&last)).await.unwrap(), Inserted::Inserted);
    let mut view = store.read().await.unwrap();
    for user in [&first, &second] {
        assert_eq!(view.users().by_id(user.id).await.unwrap(), None, "registered later");
    }
    assert!(view.users().by_id(last.id).await.unwrap().is_some());
}
