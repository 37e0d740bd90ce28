//! A fresh, empty, migrated store of each kind. Its guard removes it on drop.

mod postgres;
mod private_postgres;

use std::fs::Permissions;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inwren_adapters::store::memory::MemoryStore;
use inwren_adapters::store::sql::{SqlOptions, SqlStore, SqlTarget};
use inwren_domain::store::{Maintenance, Store};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use tokio::sync::OnceCell;

pub use postgres::{POSTGRES_URL, TestDatabase};
pub use private_postgres::{GUARDED, POSTGRES_BIN, PrivatePostgres, StopMode};

use crate::fixtures::unique;

/// Tests run in parallel, and each test has its own pool.
const MAX_CONNECTIONS: u32 = 6;

/// Options with long timeouts. A test case checks what a store does, not how fast, and a busy machine may be slow.
/// Where two units wait for each other, the timeout of the test case itself expires.
pub fn patient_options() -> SqlOptions {
    let long = Duration::from_secs(100);
    SqlOptions {
        acquire_timeout: long,
        lock_timeout: long,
        statement_timeout: long,
        idle_in_transaction_timeout: long,
        ..SqlOptions::default()
    }
}

/// A store that only one test uses.
pub struct TestStore {
    store: Arc<dyn Store>,
    database: Option<SqlStore>,
    // The resource behind the store. Dropped after it.
    _ground: Ground,
}

/// The resource behind a store. No code reads it; it exists only to be dropped.
enum Ground {
    Nothing,
    Folder { _folder: TempFolder },
    Database { _database: TestDatabase },
}

impl TestStore {
    /// The port.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
}

impl From<&TestStore> for Arc<dyn Store> {
    fn from(store: &TestStore) -> Self {
        store.store()
    }
}

/// A store with a database.
pub struct Maintained {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The maintenance port of the store.
    pub maintenance: Arc<dyn Maintenance>,
    database: SqlStore,
}

impl From<&TestStore> for Maintained {
    fn from(store: &TestStore) -> Self {
        let database = store.database.clone().expect("a database");
        let maintenance = inwren_app::wiring::maintenance(database.clone());
        Self { store: store.store(), maintenance, database }
    }
}

impl Maintained {
    /// Removes all tables.
    pub async fn clear(&self) {
        self.maintenance.migrate_down(u32::MAX).await.expect("a way back");
        self.execute("DROP TABLE seaql_migrations").await;
        assert_eq!(self.tables().await, [""; 0]);
    }

    /// Runs a statement on the database directly, without the store.
    pub async fn execute(&self, statement: &str) {
        self.database.writer().execute_unprepared(statement).await.expect("a statement");
    }

    /// The names of all tables, sorted.
    pub async fn tables(&self) -> Vec<String> {
        let connection = self.database.writer();
        let question = match connection.get_database_backend() {
            DbBackend::Postgres => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            }
            DbBackend::Sqlite => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"
            }
            other => unreachable!("no store is in {other:?}"),
        };
        let statement = Statement::from_string(connection.get_database_backend(), question);
        let rows = connection.query_all_raw(statement).await.expect("an answer");
        rows.iter().map(|row| row.try_get_by_index(0).expect("a name")).collect()
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let connection = self.database.writer();
        let question = format!("SELECT count(*) FROM {table}");
        let statement = Statement::from_string(connection.get_database_backend(), question);
        let row = connection.query_one_raw(statement).await.expect("an answer").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }
}

impl Deref for TestStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        self.store.as_ref()
    }
}

/// A store in memory.
pub async fn memory() -> TestStore {
    TestStore { store: Arc::new(MemoryStore::new()), database: None, _ground: Ground::Nothing }
}

/// A store in its own SQLite file: a copy of a migrated file, which is faster than a migration per test.
pub async fn sqlite() -> TestStore {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(migrated_file).await;
    let folder = TempFolder::new();
    let path = folder.path().join("store.db");
    std::fs::write(&path, template).expect("a file");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("permissions");
    let store = connect(&sqlite_url(&path)).await;
    over(store, Ground::Folder { _folder: folder })
}

async fn migrated_file() -> Vec<u8> {
    let folder = TempFolder::new();
    let path = folder.path().join("template.db");
    let store = connect(&sqlite_url(&path)).await;
    inwren_migration::migrate_up(store.writer()).await.expect("migrations");
    // Closing writes everything to the file.
    store.close().await;
    std::fs::read(&path).expect("a file")
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// A store in its own PostgreSQL database, on the server that [`POSTGRES_URL`] names.
pub async fn postgres() -> TestStore {
    let database = TestDatabase::migrated().await;
    let store = connect(database.url()).await;
    over(store, Ground::Database { _database: database })
}

fn over(store: SqlStore, ground: Ground) -> TestStore {
    TestStore { store: Arc::new(store.clone()), database: Some(store), _ground: ground }
}

async fn connect(url: &str) -> SqlStore {
    open(url, &SqlOptions { max_connections: MAX_CONNECTIONS, ..patient_options() }).await
}

/// A store in the database of this URL.
pub async fn open(url: &str, options: &SqlOptions) -> SqlStore {
    let target = SqlTarget::parse(url).expect("the URL of a database");
    SqlStore::connect(&target, options).await.expect("a connection")
}

/// A temporary folder. Dropping it removes it with its content.
#[derive(Debug)]
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// Creates an empty folder.
    #[allow(clippy::new_without_default, reason = "it makes something on the disk")]
    pub fn new() -> Self {
        loop {
            let name = format!("inwren-test-{}-{}", std::process::id(), unique());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // An aborted run with the same process number left this folder.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a temporary folder: {error}"),
            }
        }
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
