//! The databases of the service, and direct access to them.

use inwren_tests::stores::{TempFolder, TestDatabase};
use sea_orm_migration::sea_orm::{ConnectionTrait, Database, QueryResult, Statement};

/// A database that several processes use one after another.
pub(crate) enum Storage {
    Sqlite(TempFolder),
    Postgres(TestDatabase),
}

impl Storage {
    /// A file that does not exist yet.
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(TempFolder::new())
    }

    /// A database without tables.
    pub(crate) fn postgres() -> Self {
        Self::Postgres(block_on(TestDatabase::empty()))
    }

    /// One of each kind.
    pub(crate) fn each() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// The value of `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("store.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Queries the database directly.
    pub(crate) fn ask(&self, question: &str) -> Vec<QueryResult> {
        block_on(async {
            let connection = Database::connect(self.url()).await.expect("a connection");
            let statement = Statement::from_string(connection.get_database_backend(), question);
            let rows = connection.query_all_raw(statement).await.expect("rows");
            connection.close().await.expect("a closed connection");
            rows
        })
    }
}

/// Changes a database directly, without the service.
pub(crate) async fn execute(url: &str, statement: &str) {
    let connection = Database::connect(url).await.expect("a connection");
    connection.execute_unprepared(statement).await.expect("a statement that can be executed");
    connection.close().await.expect("a closed connection");
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
