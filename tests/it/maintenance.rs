//! Database maintenance: concurrent sweeps, and SQLite's file and write-ahead log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use inwren_adapters::store::sql::SqlStore;
use inwren_domain::account::Inserted;
use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::session::Session;
use inwren_domain::store::{Checkpoint, Store};
use inwren_tests::fixtures::{account, event, now, session_of, user_fixture, user_id};
use inwren_tests::stores::{self, TempFolder, patient_options};
use sea_orm_migration::sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, Statement, TransactionTrait as _,
};

/// Adds events that occurred before [now].
async fn add_old_events(store: &dyn Store, count: i64) {
    let mut unit = store.begin().await.unwrap();
    for n in 1..=count {
        let occurred_at = now() - time::Duration::seconds(n);
        let event = AuditEvent { occurred_at, ..event(AuditEventKind::LoggedIn, user_id()) };
        unit.audit().record(&event).await.unwrap();
    }
    unit.commit().await.unwrap();
}

/// If a store has several writers, a sweep MUST skip rows that another one is deleting and not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_on_postgres_waits_for_no_other_one() {
    let store = stores::postgres().await;
    let user = user_fixture();
    let old: Vec<Session> = (1..=10)
        .map(|n| Session { expires_at: now() - time::Duration::seconds(n), ..session_of(&user) })
        .collect();
    add_old_events(&*store, 10).await;
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.users().insert(&account(&user)).await.unwrap(), Inserted::Inserted);
    for session in &old {
        unit.sessions().insert(session).await.unwrap();
    }
    unit.commit().await.unwrap();

    let (mut first, mut second) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    assert_eq!(first.audit().sweep(now(), 7).await.unwrap(), 7);
    assert_eq!(first.sessions().sweep_ended(now(), 7).await.unwrap(), 7);
    let others = async {
        (
            second.audit().sweep(now(), 7).await.unwrap(),
            second.sessions().sweep_ended(now(), 7).await.unwrap(),
        )
    };
    // The lock timeout is longer than this, so a waiting sweep fails the test.
    let others = tokio::time::timeout(Duration::from_secs(60), others).await.expect("nobody waits");
    assert_eq!(others, (3, 3));
    first.rollback().await.unwrap();
    second.commit().await.unwrap();
    let mut third = store.begin().await.unwrap();
    assert_eq!(third.audit().sweep(now(), 100).await.unwrap(), 7);
    assert_eq!(third.sessions().sweep_ended(now(), 100).await.unwrap(), 7);
    third.commit().await.unwrap();
}

struct OnDisk {
    store: SqlStore,
    path: PathBuf,
    _folder: TempFolder,
}

impl OnDisk {
    async fn new() -> Self {
        let folder = TempFolder::new();
        let path = folder.path().join("store.db");
        let store = stores::open(&url(&path), &patient_options()).await;
        inwren_migration::migrate_up(store.writer()).await.unwrap();
        Self { store, path, _folder: folder }
    }

    /// The sizes of the database and its log in bytes.
    fn sizes(&self) -> (u64, u64) {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        (length(&self.path), length(Path::new(&log)))
    }
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

async fn number(connection: &DatabaseConnection, question: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), question);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index::<i32>(0).map_or_else(|_| row.try_get_by_index(0).unwrap(), i64::from)
}

#[tokio::test]
async fn a_swept_sqlite_file_becomes_smaller_step_by_step() {
    let disk = OnDisk::new().await;
    let store = &disk.store;
    assert_eq!(store.vacuum().await.unwrap(), 0, "there is nothing yet");
    add_old_events(store, 40_000).await;
    let pages = number(store.writer(), "PRAGMA page_count").await;
    assert_eq!(store.vacuum().await.unwrap(), 0, "all of it is in use");
    loop {
        let mut unit = store.begin().await.unwrap();
        let swept = unit.audit().sweep(now(), 5_000).await.unwrap();
        unit.commit().await.unwrap();
        if swept == 0 {
            break;
        }
    }
    assert!(number(store.writer(), "PRAGMA freelist_count").await > pages / 2);
    let (mut steps, mut bytes) = (0, 0);
    loop {
        let step = store.vacuum().await.unwrap();
        // Each step is short enough not to delay a writer for long.
        assert!(step <= 1024 * 1024 + 64 * 1024, "{step} bytes in one step");
        if step == 0 {
            break;
        }
        (steps, bytes) = (steps + 1, bytes + step);
    }
    let left = number(store.writer(), "PRAGMA page_count").await;
    println!(
        "40,000 swept events: {pages} pages before, {left} after {steps} steps, {bytes} bytes given back"
    );
    assert!(steps > 1 && left < pages / 2, "{pages} pages became {left}");
    // Some free pages stay for later use.
    assert!(number(store.writer(), "PRAGMA freelist_count").await > 200);
    assert_eq!(
        number(store.writer(), "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'")
            .await,
        0
    );
    store.close().await;
    assert_eq!(disk.sizes(), (left.unsigned_abs() * 4096, 0));
}

/// A long read transaction prevents the reuse of the log, so that the log grows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_has_grown_is_cut_off_when_the_reader_is_gone() {
    const LIMIT: u64 = 32 * 1024 * 1024;
    let disk = OnDisk::new().await;
    let reader = Database::connect(url(&disk.path)).await.unwrap();
    let reading = reader.begin().await.unwrap();
    let count = "SELECT count(*) FROM users";
    reading.query_one_raw(Statement::from_string(reading.get_database_backend(), count)).await.unwrap();
    while disk.sizes().1 <= LIMIT {
        add_old_events(&disk.store, 5_000).await;
    }
    assert_eq!(disk.store.checkpoint().await.unwrap(), Checkpoint::Blocked);
    assert!(disk.sizes().1 > LIMIT);
    // The open reader blocks no writer.
    add_old_events(&disk.store, 1).await;
    reading.rollback().await.unwrap();
    assert_eq!(disk.store.checkpoint().await.unwrap(), Checkpoint::Done);
    assert_eq!(disk.sizes().1, 0);
    add_old_events(&disk.store, 1).await;
    reader.close().await.unwrap();
}

/// Without a call of `checkpoint`, SQLite truncates the grown log when it reuses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_used_anew_is_no_longer_than_it_may_be() {
    const LIMIT: u64 = 32 * 1024 * 1024;
    let disk = OnDisk::new().await;
    let reader = Database::connect(url(&disk.path)).await.unwrap();
    let reading = reader.begin().await.unwrap();
    let count = "SELECT count(*) FROM users";
    reading.query_one_raw(Statement::from_string(reading.get_database_backend(), count)).await.unwrap();
    while disk.sizes().1 <= LIMIT {
        add_old_events(&disk.store, 5_000).await;
    }
    reading.rollback().await.unwrap();
    reader.close().await.unwrap();
    for _ in 0..3 {
        add_old_events(&disk.store, 1).await;
    }
    assert!(disk.sizes().1 <= LIMIT, "{} bytes", disk.sizes().1);
}

/// A file created before automatic vacuum was enabled stays as large as it is.
#[tokio::test]
async fn a_file_that_cannot_become_smaller_is_no_failure() {
    let folder = TempFolder::new();
    let path = folder.path().join("store.db");
    std::fs::write(&path, "").unwrap();
    let old = Database::connect(url(&path)).await.unwrap();
    old.execute_unprepared("PRAGMA auto_vacuum = NONE; CREATE TABLE first (id INTEGER)").await.unwrap();
    old.close().await.unwrap();
    let store = stores::open(&url(&path), &patient_options()).await;
    inwren_migration::migrate_up(store.writer()).await.unwrap();
    add_old_events(&store, 20_000).await;
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.audit().sweep(now(), 20_000).await.unwrap(), 20_000);
    unit.commit().await.unwrap();
    assert_eq!(store.vacuum().await.unwrap(), 0);
    store.close().await;
}
