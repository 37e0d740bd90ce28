//! Import source on SQLite.

use async_trait::async_trait;
use inwren_domain::account::import::{SourceTable, SourceUser, SourceUsers};
use inwren_domain::kernel::StoreError;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    TransactionTrait,
};

use super::columns::{Found, Known, sqlite_expression};
use super::table::Table;
use super::{SourceError, number, values};
use crate::store::sql::connection::error::store_error;

/// Reads batches in one transaction, each from where the last one ended.
pub(super) struct SqliteUsers {
    transaction: DatabaseTransaction,
    table: SourceTable,
    select: String,
    from: String,
    walk: Walk,
}

/// How to find the next rows.
#[derive(Clone, Copy, Debug)]
enum Walk {
    /// By the row number, in a column of this name: after the last one that was read.
    ByNumber { column: &'static str, after: Option<i64> },
    /// By offset in the order of ids. Each batch skips the previous ones.
    ByCount { passed: u64 },
}

impl SqliteUsers {
    pub(super) async fn open(
        connection: &DatabaseConnection,
        table: &Table,
        found: &[Found],
        known: Known,
    ) -> Result<Self, SourceError> {
        let transaction = connection.begin().await?;
        let rows =
            number(&transaction, &format!("SELECT count(*) AS answer FROM {}", table.quoted())).await?;
        let walk = match row_number(&transaction, table, found).await? {
            Some(column) => Walk::ByNumber { column, after: None },
            None => Walk::ByCount { passed: 0 },
        };
        Ok(Self {
            transaction,
            table: known.describe(table, rows),
            select: known.select_list(sqlite_expression),
            from: table.quoted(),
            walk,
        })
    }

    async fn rows(&mut self, limit: u16) -> Result<Vec<QueryResult>, DbErr> {
        let Self { select, from, walk, .. } = self;
        let question = match walk {
            Walk::ByNumber { column, after } => {
                let after = after.map(|after| format!("WHERE {column} > {after}")).unwrap_or_default();
                format!(
                    "SELECT {column} AS place, {select} FROM {from} {after} ORDER BY {column} LIMIT {limit}"
                )
            }
            Walk::ByCount { passed } => {
                format!("SELECT {select} FROM {from} ORDER BY id LIMIT {limit} OFFSET {passed}")
            }
        };
        let statement = Statement::from_string(DbBackend::Sqlite, question);
        let rows = self.transaction.query_all_raw(statement).await?;
        match (walk, rows.last()) {
            (Walk::ByNumber { after, .. }, Some(last)) => *after = Some(last.try_get("", "place")?),
            (Walk::ByCount { passed }, _) => *passed += rows.len() as u64,
            _ => {}
        }
        Ok(rows)
    }
}

/// Returns the name of the row number column. A view and a table WITHOUT ROWID have none, and an ordinary column may
/// use the name.
async fn row_number(
    connection: &impl ConnectionTrait,
    table: &Table,
    found: &[Found],
) -> Result<Option<&'static str>, DbErr> {
    let question = format!(
        "SELECT count(*) AS answer FROM pragma_table_list({}) WHERE type = 'table' AND wr = 0",
        table.bare_literal()
    );
    if number(connection, &question).await? == 0 {
        return Ok(None);
    }
    let is_free = |name: &&str| !found.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    Ok(["rowid", "_rowid_", "oid"].into_iter().find(is_free))
}

#[async_trait]
impl SourceUsers for SqliteUsers {
    fn table(&self) -> &SourceTable {
        &self.table
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<SourceUser>, StoreError> {
        let rows = self.rows(limit).await.map_err(store_error)?;
        rows.iter().map(values::user).collect::<Result<_, _>>().map_err(store_error)
    }

    fn rewind(&mut self) {
        match &mut self.walk {
            Walk::ByNumber { after, .. } => *after = None,
            Walk::ByCount { passed } => *passed = 0,
        }
    }
}
