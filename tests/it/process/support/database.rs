//! What the service keeps things in, and a look into it past the service.

use inwren_tests::stores::{TempFolder, TestDatabase};
use sea_orm_migration::sea_orm::{ConnectionTrait, Database, QueryResult, Statement};

/// A database for one process after another.
pub(crate) enum Storage {
    Sqlite(TempFolder),
    Postgres(TestDatabase),
}

impl Storage {
    /// A file that is not there yet.
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(TempFolder::new())
    }

    /// A database without a table.
    pub(crate) fn postgres() -> Self {
        Self::Postgres(block_on(TestDatabase::empty()))
    }

    /// Both.
    pub(crate) fn each() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// What DATABASE_URL must be.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("store.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Asks the database itself.
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

/// Changes a database past the service.
pub(crate) async fn execute(url: &str, statement: &str) {
    let connection = Database::connect(url).await.expect("a connection");
    connection.execute_unprepared(statement).await.expect("a statement that can be executed");
    connection.close().await.expect("a closed connection");
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
