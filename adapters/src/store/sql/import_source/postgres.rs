//! Import source on PostgreSQL.

use async_trait::async_trait;
use inwren_domain::account::import::{SourceTable, SourceUser, SourceUsers};
use inwren_domain::kernel::StoreError;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    TransactionTrait,
};

use super::super::dialect::Dialect;
use super::columns::{Known, postgres_expression};
use super::table::Table;
use super::{SourceError, number, values};
use crate::store::sql::account_export::of_one_moment;
use crate::store::sql::connection::error::store_error;

/// Returns the identity of the database, its server and its schema.
pub(super) async fn place(connection: &DatabaseConnection) -> Result<String, DbErr> {
    let question = "SELECT concat_ws(' ', 'postgres', current_database(), \
        (SELECT oid::text FROM pg_database WHERE datname = current_database()), \
        extract(epoch FROM pg_postmaster_start_time())::text, current_schema()) AS answer";
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, question)).await?;
    row.map(|row| row.try_get("", "answer")).transpose().map(Option::unwrap_or_default)
}

/// Returns the tables with a foreign key to this one.
pub(super) async fn referring(connection: &DatabaseConnection, table: &Table) -> Result<Vec<String>, DbErr> {
    if Dialect::of(connection) != Dialect::Postgres {
        return Ok(Vec::new());
    }
    let question = format!(
        "SELECT DISTINCT conrelid::regclass::text AS answer FROM pg_constraint \
         WHERE contype = 'f' AND confrelid = to_regclass({}) ORDER BY 1",
        table.as_literal()
    );
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, question)).await?;
    rows.iter().map(|row| row.try_get("", "answer")).collect()
}

/// Reads with a server cursor in one transaction. A cursor needs no comparison of ids, whatever their type, and returns
/// every row once, even if two have the same id.
pub(super) struct PostgresUsers {
    transaction: DatabaseTransaction,
    table: SourceTable,
    select: String,
    is_open: bool,
    begins_again: bool,
}

impl PostgresUsers {
    pub(super) async fn open(
        connection: &DatabaseConnection,
        table: &Table,
        known: Known,
    ) -> Result<Self, SourceError> {
        let transaction = connection.begin_with_options(of_one_moment(Dialect::Postgres)).await?;
        for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            transaction.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await?;
        }
        let rows =
            number(&transaction, &format!("SELECT count(*) AS answer FROM {}", table.quoted())).await?;
        let columns = known.select_list(postgres_expression);
        Ok(Self {
            transaction,
            table: known.describe(table, rows),
            select: format!("SELECT {columns} FROM {} ORDER BY id", table.quoted()),
            is_open: false,
            begins_again: false,
        })
    }

    async fn rows(&mut self, limit: u16) -> Result<Vec<QueryResult>, DbErr> {
        if self.begins_again && self.is_open {
            self.transaction.execute_unprepared("CLOSE inwren_users").await?;
            self.is_open = false;
        }
        self.begins_again = false;
        if !self.is_open {
            let declare = format!("DECLARE inwren_users NO SCROLL CURSOR FOR {}", self.select);
            self.transaction.execute_unprepared(&declare).await?;
            self.is_open = true;
        }
        let fetch = format!("FETCH FORWARD {limit} FROM inwren_users");
        self.transaction.query_all_raw(Statement::from_string(DbBackend::Postgres, fetch)).await
    }
}

#[async_trait]
impl SourceUsers for PostgresUsers {
    fn table(&self) -> &SourceTable {
        &self.table
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<SourceUser>, StoreError> {
        let rows = self.rows(limit).await.map_err(store_error)?;
        rows.iter().map(values::user).collect::<Result<_, _>>().map_err(store_error)
    }

    fn rewind(&mut self) {
        self.begins_again = true;
    }
}
