//! Tables of PostgreSQL.

use async_trait::async_trait;
use inwren_domain::ports::{ForeignTable, ForeignUser, ForeignUsers, StoreError};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    TransactionTrait,
};

use super::columns::{Known, postgres_expression};
use super::table::Table;
use super::{ForeignError, ids, number};
use crate::sql::error::store_error;
use crate::sql::snapshot::of_one_moment;
use crate::sql::timestamp::from_micros;

/// Which database of which server, and which of its schemas.
pub(super) async fn place(connection: &DatabaseConnection) -> Result<String, DbErr> {
    let question = "SELECT concat_ws(' ', 'postgres', current_database(), \
        (SELECT oid::text FROM pg_database WHERE datname = current_database()), \
        extract(epoch FROM pg_postmaster_start_time())::text, current_schema()) AS answer";
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, question)).await?;
    row.map(|row| row.try_get("", "answer")).transpose().map(Option::unwrap_or_default)
}

/// The tables with a foreign key to this one.
pub(super) async fn referring(connection: &DatabaseConnection, table: &Table) -> Result<Vec<String>, DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
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

/// Reads from one transaction, by the primary key from where it has come to.
pub(super) struct PostgresUsers {
    transaction: DatabaseTransaction,
    table: ForeignTable,
    select: String,
    id_type: String,
    after: Option<String>,
}

impl PostgresUsers {
    pub(super) async fn open(
        connection: &DatabaseConnection,
        table: &Table,
        known: Known,
    ) -> Result<Self, ForeignError> {
        let transaction = connection.begin_with_options(of_one_moment(DbBackend::Postgres)).await?;
        for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            transaction.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await?;
        }
        let rows =
            number(&transaction, &format!("SELECT count(*) AS answer FROM {}", table.quoted())).await?;
        Ok(Self {
            transaction,
            table: known.describe(table, rows),
            select: format!("SELECT {} FROM {}", known.select_list(postgres_expression), table.quoted()),
            id_type: known.kind("id").unwrap_or("text").to_owned(),
            after: None,
        })
    }

    async fn rows(&self, limit: u16) -> Result<Vec<QueryResult>, DbErr> {
        let Self { select, id_type, .. } = self;
        let (backend, order) = (DbBackend::Postgres, format!("ORDER BY id LIMIT {limit}"));
        let statement = match &self.after {
            None => Statement::from_string(backend, format!("{select} {order}")),
            Some(after) => Statement::from_sql_and_values(
                backend,
                format!("{select} WHERE id > CAST(CAST($1 AS text) AS {id_type}) {order}"),
                [after.as_str().into()],
            ),
        };
        self.transaction.query_all_raw(statement).await
    }
}

#[async_trait]
impl ForeignUsers for PostgresUsers {
    fn table(&self) -> &ForeignTable {
        &self.table
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<ForeignUser>, StoreError> {
        let rows = self.rows(limit).await.map_err(store_error)?;
        let users: Vec<_> = rows.iter().map(user).collect::<Result<_, _>>().map_err(store_error)?;
        if let Some(last) = users.last() {
            self.after = Some(last.key.clone());
        }
        Ok(users)
    }

    fn rewind(&mut self) {
        self.after = None;
    }
}

fn user(row: &QueryResult) -> Result<ForeignUser, DbErr> {
    let key: String = row.try_get("", "key")?;
    let time = |column| Ok::<_, DbErr>(row.try_get::<Option<i64>>("", column)?.and_then(from_micros));
    Ok(ForeignUser {
        id: ids::user_id(&key),
        key,
        email: row.try_get("", "email")?,
        hashed_password: row.try_get("", "hashed_password")?,
        is_active: row.try_get("", "is_active")?,
        is_superuser: row.try_get("", "is_superuser")?,
        is_verified: row.try_get("", "is_verified")?,
        tier: row.try_get("", "tier")?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        has_refresh_token: row.try_get("", "has_refresh_token")?,
    })
}
