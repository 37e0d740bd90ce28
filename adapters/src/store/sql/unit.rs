use async_trait::async_trait;
use inwren_domain::kernel::StoreError;
use inwren_domain::store::UnitOfWork;
use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions};

use super::connection::Connection;
use super::connection::database_clock::DatabaseClock;
use super::connection::deadline;
use super::connection::error::store_error;
use super::connection::pool::{Pool, Turn};
use super::dialect::Dialect;

/// One transaction. Dropping it rolls back.
pub(super) struct SqlUnit {
    connection: Connection<DatabaseTransaction>,
    clock: DatabaseClock,
    _turn: Turn,
}

impl SqlUnit {
    /// Begins the transaction. On SQLite it takes the write lock.
    pub(super) async fn begin(writer: &Pool) -> Result<Self, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let (transaction, turn) = writer.begin(options).await.map_err(store_error)?;
        let connection = Connection::new(transaction, writer.timeout().clone());
        Ok(Self { connection, clock: writer.clock().clone(), _turn: turn })
    }

    pub(super) fn connection(&self) -> &Connection<DatabaseTransaction> {
        &self.connection
    }
}

#[async_trait]
impl UnitOfWork for SqlUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.connection.has_failed() {
            self.rollback().await?;
            return Err(StoreError::Unavailable("a statement of the unit had failed".to_owned()));
        }
        let (transaction, timeout) = self.connection.into_inner();
        match Dialect::of(&transaction) {
            Dialect::Postgres => deadline::commit(transaction, &timeout, &self.clock).await,
            Dialect::Sqlite => timeout.wait(transaction.commit()).await.map_err(store_error),
        }
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let (transaction, timeout) = self.connection.into_inner();
        timeout.wait(transaction.rollback()).await.map_err(store_error)
    }
}
