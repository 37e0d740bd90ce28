//! Maintenance of the database: pool metrics, vacuum, checkpoints, and the connections for migrations.

use inwren_domain::kernel::StoreError;
use inwren_domain::store::{Checkpoint, PoolMetrics};
use sea_orm::DatabaseConnection;

use super::dialect::Dialect;
use super::file;
use super::store::SqlStore;

impl SqlStore {
    /// Returns the writing connections, for migrations.
    pub fn writer(&self) -> &DatabaseConnection {
        self.writer.connections()
    }

    /// Implements [`Maintenance::pools`](inwren_domain::store::Maintenance::pools).
    pub fn pools(&self) -> Vec<PoolMetrics> {
        match Dialect::of(&self.writer) {
            Dialect::Sqlite => vec![self.writer.metrics("writer"), self.readers.metrics("readers")],
            Dialect::Postgres => vec![self.writer.metrics("all")],
        }
    }

    /// Implements [`Maintenance::vacuum`](inwren_domain::store::Maintenance::vacuum). PostgreSQL vacuums by itself.
    pub async fn vacuum(&self) -> Result<u64, StoreError> {
        match &self.file {
            Some(_) => file::vacuum(self.writer.connections()).await,
            None => Ok(0),
        }
    }

    /// Implements [`Maintenance::checkpoint`](inwren_domain::store::Maintenance::checkpoint). PostgreSQL does this by
    /// itself.
    pub async fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        match &self.file {
            Some(file) => file::checkpoint(&file.path).await,
            None => Ok(Checkpoint::Done),
        }
    }
}
