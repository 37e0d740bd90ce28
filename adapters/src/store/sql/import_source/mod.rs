//! The tables of other services, which are read and never written.
//!
//! [`ForeignDatabase`] looks at what is there; [`ForeignDatabase::read`] gives the port. What the two databases have in
//! common stands in `columns` (which columns are read), in `values` and in `ids` (what a value means); what differs in a
//! file for each.

mod columns;
mod ids;
mod postgres;
mod sqlite;
mod table;
mod values;

use std::path::PathBuf;

use inwren_domain::account::import::ForeignUsers;
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

/// A database that is only looked at.
pub struct ForeignDatabase {
    connection: DatabaseConnection,
    place: Place,
}

/// Which database it is: the same place, whatever the URL, is the same database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

/// Why a table cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The file of a SQLite database is not there.
    #[error("there is no database {}", .0.display())]
    NoFile(PathBuf),
    /// The database does not answer as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such table.
    #[error("there is no table {0}")]
    NoTable(String),
    /// A column is missing without which there is no user.
    #[error("the table {table} has no column {column}; it has {}", .found.join(", "))]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: &'static str,
        /// The columns that it has.
        found: Vec<String>,
    },
}

impl From<DbErr> for ForeignError {
    fn from(error: DbErr) -> Self {
        Self::Store(store_error(error))
    }
}

impl ForeignDatabase {
    /// Opens the database. It has to exist, and nothing is created or changed in it.
    pub async fn connect(target: &SqlTarget) -> Result<Self, ForeignError> {
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
                let missing = |_| ForeignError::NoFile(file.path().to_owned());
                let whole = std::fs::canonicalize(file.path()).map_err(missing)?;
                let options = SqliteConnectOptions::new().filename(&whole).read_only(true);
                let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
                let pool = pool.map_err(ConnectError::from)?;
                let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
                Ok(Self { connection, place: Place(format!("sqlite {}", whole.display())) })
            }
        }
    }

    /// Which database it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The names of the columns of a table. None if there is no such table.
    pub async fn columns(&self, table: &str) -> Result<Vec<String>, ForeignError> {
        let found = columns::of(&self.connection, &Table::parse(table)).await?;
        Ok(found.into_iter().map(|column| column.name).collect())
    }

    /// The tables whose rows refer to those of this one. On SQLite nobody knows.
    pub async fn referring(&self, table: &str) -> Result<Vec<String>, ForeignError> {
        Ok(postgres::referring(&self.connection, &Table::parse(table)).await?)
    }

    /// Opens a table of users, as it is now. Nothing else can be asked while it is open.
    pub async fn read(&self, table: &str) -> Result<Box<dyn ForeignUsers>, ForeignError> {
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

    /// Lets go of the connection.
    pub async fn close(self) {
        // That it was closed before is no failure.
        let _ = self.connection.close().await;
    }
}

/// Asks something that has one number as its answer, in the column `answer`.
async fn number(connection: &impl ConnectionTrait, question: &str) -> Result<u64, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), question);
    let row = connection.query_one_raw(statement).await?;
    let answer: i64 = row.map(|row| row.try_get("", "answer")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(answer).unwrap_or(0))
}
