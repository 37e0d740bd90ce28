use async_trait::async_trait;
use inwren_domain::ports::{
    AuditLog, ServiceClientRepository, SessionRepository, StoreError, UnitOfWork, UserRepository,
};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::connection::Connection;
use super::error::store_error;
use super::patience::Patience;

/// One transaction. Dropping it rolls back.
pub(super) struct SqlUnit(Connection<DatabaseTransaction>);

impl SqlUnit {
    /// Begins the transaction; on SQLite with the lock on all that can be written.
    pub(super) async fn begin(writer: &DatabaseConnection, patience: &Patience) -> Result<Self, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = patience.wait(writer.begin_with_options(options)).await.map_err(store_error)?;
        Ok(Self(Connection::new(transaction, patience.clone())))
    }

    pub(super) fn connection(&self) -> &Connection<DatabaseTransaction> {
        &self.0
    }
}

#[async_trait]
impl UnitOfWork for SqlUnit {
    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn service_clients(&mut self) -> &mut dyn ServiceClientRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditLog {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.0.has_failed() {
            self.rollback().await?;
            return Err(StoreError::Unavailable("a statement of the unit had failed".to_owned()));
        }
        let (transaction, patience) = self.0.into_inner();
        patience.wait(transaction.commit()).await.map_err(store_error)
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let (transaction, patience) = self.0.into_inner();
        patience.wait(transaction.rollback()).await.map_err(store_error)
    }
}
