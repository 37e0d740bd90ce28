//! Import sources: tables of legacy services, which are read and never written.
//!
//! [`SourceDatabase`] describes the database; [`SourceDatabase::read`] returns the port. Shared code for both
//! databases is in `columns` (which columns are read), `values` and `ids` (conversion of values); code for one database
//! is in a file per database.

mod columns;
mod ids;
mod postgres;
mod sqlite;
mod table;
mod values;

use std::path::PathBuf;

use inwren_domain::account::import::SourceUsers;
use inwren_domain::kernel::StoreError;
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqlxPostgresConnector, SqlxSqliteConnector, Statement,
};

use super::connection::connect_error::ConnectError;
use super::connection::error::store_error;
use super::connection::target::SqlTarget;
use super::dialect::Dialect;
use table::Table;

/// A database that is only read.
pub struct SourceDatabase {
    connection: DatabaseConnection,
    place: Place,
}

/// Identity of a database: equal places are the same database, whatever their URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

/// Why a table cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The connection failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The file of a SQLite database does not exist.
    #[error("the database {} does not exist", .0.display())]
    NoFile(PathBuf),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table does not exist.
    #[error("the table {0} does not exist")]
    NoTable(String),
    /// A required column is missing.
    #[error("the table {table} has no column {column}; it has {}", .found.join(", "))]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: &'static str,
        /// The existing columns.
        found: Vec<String>,
    },
}

impl From<DbErr> for SourceError {
    fn from(error: DbErr) -> Self {
        Self::Store(store_error(error))
    }
}

impl SourceDatabase {
    /// Opens an existing database. It creates and changes nothing.
    pub async fn connect(target: &SqlTarget) -> Result<Self, SourceError> {
        match target {
            SqlTarget::Postgres(target) => {
                let options = target.options();
                let named = options.get_application_name().is_some();
                let options = if named { options } else { options.application_name("inwren") };
                let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await;
                let pool = pool.map_err(ConnectError::from)?;
                let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
                let place = Place(postgres::place(&connection).await?);
                Ok(Self { connection, place })
            }
            SqlTarget::Sqlite(file) => {
                let missing = |_| SourceError::NoFile(file.path().to_owned());
                let whole = std::fs::canonicalize(file.path()).map_err(missing)?;
                let options = SqliteConnectOptions::new().filename(&whole).read_only(true);
                let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
                let pool = pool.map_err(ConnectError::from)?;
                let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
                Ok(Self { connection, place: Place(format!("sqlite {}", whole.display())) })
            }
        }
    }

    /// Returns the identity of the database.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the column names of a table. The list is empty if the table does not exist.
    pub async fn columns(&self, table: &str) -> Result<Vec<String>, SourceError> {
        let found = columns::of(&self.connection, &Table::parse(table)).await?;
        Ok(found.into_iter().map(|column| column.name).collect())
    }

    /// Returns the tables with foreign keys to this one. On SQLite the list is always empty.
    pub async fn referring(&self, table: &str) -> Result<Vec<String>, SourceError> {
        Ok(postgres::referring(&self.connection, &Table::parse(table)).await?)
    }

    /// Opens a table of users in its current state. It holds the only connection, so no other query can run meanwhile.
    pub async fn read(&self, table: &str) -> Result<Box<dyn SourceUsers>, SourceError> {
        let table = Table::parse(table);
        let found = columns::of(&self.connection, &table).await?;
        let known = columns::Known::among(&table, &found)?;
        match Dialect::of(&self.connection) {
            Dialect::Sqlite => {
                Ok(Box::new(sqlite::SqliteUsers::open(&self.connection, &table, &found, known).await?))
            }
            Dialect::Postgres => {
                Ok(Box::new(postgres::PostgresUsers::open(&self.connection, &table, known).await?))
            }
        }
    }

    /// Closes the connection.
    pub async fn close(self) {
        // Closing twice is not an error.
        let _ = self.connection.close().await;
    }
}

/// Runs a query for one number, in the column `answer`.
async fn number(connection: &impl ConnectionTrait, question: &str) -> Result<u64, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), question);
    let row = connection.query_one_raw(statement).await?;
    let answer: i64 = row.map(|row| row.try_get("", "answer")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(answer).unwrap_or(0))
}
