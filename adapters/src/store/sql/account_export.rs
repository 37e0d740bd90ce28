//! All users at one moment: one transaction that only reads.

use async_trait::async_trait;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::credential::Account;
use inwren_domain::kernel::StoreError;
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IsolationLevel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, TransactionOptions,
};
use uuid::Uuid;

use super::connection::Connection;
use super::connection::error::store_error;
use super::connection::pool::{Pool, Turn};
use super::dialect::Dialect;
use super::entity::users::{Column, Entity};

/// Reads from one transaction, by the primary key from where it has come to.
///
/// PostgreSQL keeps what the transaction can see for as long as it is open, and SQLite its write-ahead log.
pub(super) struct SqlSnapshot {
    connection: Connection<DatabaseTransaction>,
    after: Option<Uuid>,
    _turn: Turn,
}

impl SqlSnapshot {
    pub(super) async fn take(readers: &Pool) -> Result<Self, StoreError> {
        let options = of_one_moment(Dialect::of(readers));
        let (transaction, turn) = readers.begin(options).await.map_err(store_error)?;
        let connection = Connection::new(transaction, readers.patience().clone());
        if Dialect::of(&connection) == Dialect::Postgres {
            // Whoever reads may take a long time over a batch; and it holds no lock that others would wait for.
            let patient = "SET LOCAL idle_in_transaction_session_timeout = 0";
            connection.execute_unprepared(patient).await.map_err(store_error)?;
        }
        let mut snapshot = Self { connection, after: None, _turn: turn };
        // The moment is that of the first read.
        snapshot.read(1).await.map_err(store_error)?;
        Ok(snapshot)
    }

    async fn read(&mut self, limit: u16) -> Result<Vec<super::entity::users::Model>, sea_orm::DbErr> {
        let mut select = Entity::find().order_by_asc(Column::Id).limit(u64::from(limit));
        if let Some(after) = self.after {
            select = select.filter(Column::Id.gt(after));
        }
        select.all(&self.connection).await
    }
}

/// A transaction that only reads, and sees one moment.
pub(super) fn of_one_moment(dialect: Dialect) -> TransactionOptions {
    match dialect {
        // Its readers see one moment in any transaction, and know neither of these words.
        Dialect::Sqlite => TransactionOptions::default(),
        Dialect::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
    }
}

#[async_trait]
impl UserSnapshot for SqlSnapshot {
    async fn count(&mut self) -> Result<u64, StoreError> {
        Entity::find().count(&self.connection).await.map_err(store_error)
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<Account>, StoreError> {
        let rows = self.read(limit).await.map_err(store_error)?;
        if let Some(last) = rows.last() {
            self.after = Some(last.id);
        }
        Ok(rows.into_iter().map(Account::from).collect())
    }
}
