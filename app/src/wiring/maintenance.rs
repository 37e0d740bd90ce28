//! Maintenance of a SQL database. It is in this crate because it combines the adapter, which knows files and
//! connections, with the migration crate, which knows the schema. Neither depends on the other.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_adapters::store::sql::SqlStore;
use inwren_domain::kernel::{StoreError, UserId};
use inwren_domain::store::{
    Checkpoint, FormerAddress, Maintenance, Migration, MigrationError, PoolMetrics, Schema,
};
use sea_orm_migration::DbErr;

/// The maintenance of this store's database.
pub fn maintenance(store: SqlStore) -> Arc<dyn Maintenance> {
    Arc::new(SqlMaintenance(store))
}

struct SqlMaintenance(SqlStore);

#[async_trait]
impl Maintenance for SqlMaintenance {
    async fn schema(&self) -> Result<Schema, MigrationError> {
        let pending = inwren_migration::pending(self.0.writer()).await.map_err(failed)?;
        if pending.is_empty() {
            return Ok(Schema::Current);
        }
        let is_foreign = inwren_migration::has_foreign_users(self.0.writer()).await.map_err(failed)?;
        Ok(if is_foreign { Schema::Foreign } else { Schema::Behind(pending) })
    }

    async fn migrations(&self) -> Result<Vec<Migration>, MigrationError> {
        let status = inwren_migration::status(self.0.writer()).await.map_err(failed)?;
        Ok(status.into_iter().map(|(name, is_applied)| Migration { name, is_applied }).collect())
    }

    async fn migrate_up(&self) -> Result<Vec<String>, MigrationError> {
        inwren_migration::migrate_up(self.0.writer()).await.map_err(failed)
    }

    async fn migrate_down(&self, steps: u32) -> Result<Vec<String>, MigrationError> {
        inwren_migration::migrate_down(self.0.writer(), steps).await.map_err(failed)
    }

    async fn set_users_aside(&self, name: &'static str) -> Result<(), MigrationError> {
        inwren_migration::set_aside_and_migrate(self.0.writer(), name).await.map_err(failed)
    }

    async fn former_addresses(&self) -> Result<Vec<FormerAddress>, MigrationError> {
        let found = inwren_migration::former_addresses(self.0.writer()).await.map_err(failed)?;
        let described = |found: inwren_migration::FormerAddress| FormerAddress {
            user: UserId::from_uuid(found.user),
            holder: found.holder.map(UserId::from_uuid),
        };
        Ok(found.into_iter().map(described).collect())
    }

    async fn vacuum(&self) -> Result<u64, StoreError> {
        self.0.vacuum().await
    }

    async fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        self.0.checkpoint().await
    }

    fn pools(&self) -> Vec<PoolMetrics> {
        self.0.pools()
    }
}

fn failed(error: DbErr) -> MigrationError {
    MigrationError(error.to_string())
}
