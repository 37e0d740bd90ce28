//! Databases on the PostgreSQL server of the tests.

use std::thread;

use sea_orm_migration::sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TryGetable,
};
use tokio::sync::OnceCell;

use crate::fixtures::unique;

/// The environment variable with the URL of a server on which the tests may create databases.
pub const POSTGRES_URL: &str = "INWREN_TEST_POSTGRES_URL";

/// A killed run leaves its databases. A later run removes them when they are this many seconds old.
const STALE_AFTER: i64 = 7_200;

/// A database that only one test uses. Dropping this value drops the database and disconnects its clients.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// Creates a database with the schema of this release and no data.
    pub async fn migrated() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let copy = TEMPLATE.get_or_init(make_template).await;
        Self::create(copy).await
    }

    /// Creates a database without tables.
    pub async fn empty() -> Self {
        Self::create("").await
    }

    /// Creates a database without tables, in another encoding than UTF-8.
    pub async fn encoded(encoding: &str) -> Self {
        Self::create(&format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")).await
    }

    /// The URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn create(how: &str) -> Self {
        let admin = connect(&admin_url()).await;
        let name = new_name(&admin, "test").await;
        run(&admin, &format!("CREATE DATABASE {name} {how}")).await;
        let _ = admin.close().await;
        Self { url: url_of(&name), name }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // `drop` cannot wait on the runtime of the test, which may be about to end.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let admin = connect(&admin_url()).await;
                run(&admin, &statement).await;
                let _ = admin.close().await;
            });
        });
        if dropping.join().is_err() && !thread::panicking() {
            panic!("the database {} could not be dropped", self.name);
        }
    }
}

/// Migrates one database, and returns the `CREATE DATABASE` options that copy it. A copy is faster than a migration per
/// test.
async fn make_template() -> String {
    let admin = connect(&admin_url()).await;
    remove_stale(&admin).await;
    let name = new_name(&admin, "template").await;
    run(&admin, &format!("CREATE DATABASE {name}")).await;
    let template = connect(&url_of(&name)).await;
    inwren_migration::migrate_up(&template).await.expect("migrations");
    template.close().await.expect("a closed connection");
    // From PostgreSQL 15 on, copied pages go through the write-ahead log unless the statement asks for file copies.
    // File copies take less than half the time if nothing has to reach the disk.
    let has_strategies = "SELECT current_setting('server_version_num')::bigint >= 150000 AS answer";
    let has_strategies = answer(&admin, has_strategies).await;
    let _ = admin.close().await;
    format!("TEMPLATE {name}{}", if has_strategies { " STRATEGY file_copy" } else { "" })
}

/// A name that contains its creation time, by the clock of the server.
async fn new_name(admin: &DatabaseConnection, purpose: &str) -> String {
    let now: i64 = answer(admin, "SELECT extract(epoch FROM now())::bigint AS answer").await;
    format!("inwren_{purpose}_{now}_{}_{}", std::process::id(), unique())
}

async fn remove_stale(admin: &DatabaseConnection) {
    let question = format!(
        "SELECT datname::text AS answer FROM pg_database WHERE datname ~ '^inwren_(test|template)_[0-9]+_' \
         AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - {STALE_AFTER}"
    );
    for row in ask(admin, &question).await {
        let name: String = row.try_get("", "answer").expect("a name");
        run(admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }
}

async fn run(connection: &DatabaseConnection, statement: &str) {
    if let Err(error) = connection.execute_unprepared(statement).await {
        panic!("{statement}: {error}");
    }
}

async fn ask(
    connection: &DatabaseConnection,
    question: &str,
) -> Vec<sea_orm_migration::sea_orm::QueryResult> {
    let statement = Statement::from_string(DbBackend::Postgres, question);
    connection.query_all_raw(statement).await.expect("an answer")
}

async fn answer<T: TryGetable>(connection: &DatabaseConnection, question: &str) -> T {
    let row = ask(connection, question).await.pop();
    row.and_then(|row| row.try_get("", "answer").ok()).expect("an answer")
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    match Database::connect(options).await {
        Ok(connection) => connection,
        Err(error) => panic!("{POSTGRES_URL}: the server cannot be reached: {error}"),
    }
}

fn admin_url() -> String {
    match std::env::var(POSTGRES_URL) {
        Ok(url) if !url.is_empty() => url,
        _ => panic!(
            "no PostgreSQL server for the tests: run `./tests/run`, which starts one, or set {POSTGRES_URL} to the URL \
             of one on which databases may be made, such as postgres://postgres@127.0.0.1:5432/postgres"
        ),
    }
}

/// The URL of another database on the same server.
fn url_of(name: &str) -> String {
    let admin = admin_url();
    let (address, parameters) = match admin.split_once('?') {
        Some((address, parameters)) => (address.to_owned(), format!("?{parameters}")),
        None => (admin, String::new()),
    };
    let server = match address.match_indices('/').nth(2) {
        Some((end, _)) => address[..end].to_owned(),
        None => address,
    };
    format!("{server}/{name}{parameters}")
}
