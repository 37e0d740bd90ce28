use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::ports::{ReadView, Rotation, RotationOutcome, Store, StoreError, UnitOfWork};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::connect::{ConnectError, Pools, SqlOptions, connect};
use super::error::store_error;
use super::lookups::Lookups;
use super::patience::Patience;
use super::rotation_postgres;
use super::rotation_sqlite::Rotations;
use super::unit::SqlUnit;
use super::view::SqlView;

/// A store in PostgreSQL or SQLite. The tables have to be there: they are made by the migrations.
#[derive(Clone)]
pub struct SqlStore {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    patience: Patience,
    lookups: Arc<Lookups>,
    /// What SQLite's rotations go through; PostgreSQL needs nothing of the kind.
    rotations: Option<Arc<Rotations>>,
}

impl SqlStore {
    /// Opens the database that the URL names: `postgres://…` (also `postgresql://` and `postgresql+asyncpg://`), or
    /// `sqlite://PATH` (also `sqlite+aiosqlite://`), whose file is made if it is not there. A path that begins with a
    /// slash is absolute.
    ///
    /// The first connection is made at once, so that a wrong URL, password or path is told here.
    pub async fn connect(url: &str, options: &SqlOptions) -> Result<Self, ConnectError> {
        let Pools { writer, readers, patience } = connect(url, options).await?;
        let lookups = Arc::new(Lookups::over(readers.clone(), patience.clone(), options.acquire_timeout));
        let is_sqlite = writer.get_database_backend() == DbBackend::Sqlite;
        let rotations = is_sqlite
            .then(|| Arc::new(Rotations::over(writer.clone(), patience.clone(), options.lock_timeout)));
        Ok(Self { writer, readers, patience, lookups, rotations })
    }

    /// The connections that may write, for the migrations.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        Ok(Box::new(SqlView::new(self.readers.clone(), self.patience.clone(), Arc::clone(&self.lookups))))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(SqlUnit::begin(&self.writer, &self.patience).await?))
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        match &self.rotations {
            Some(rotations) => rotations.rotate(rotation).await,
            None => rotation_postgres::in_one_statement(&self.writer, &self.patience, rotation).await,
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let backend = self.readers.get_database_backend();
        let question = match backend {
            // Without a table SQLite would answer without a look at its file.
            DbBackend::Sqlite => "SELECT count(*) FROM sqlite_schema",
            _ => "SELECT 1",
        };
        let statement = Statement::from_string(backend, question);
        self.patience.wait(self.readers.query_one_raw(statement)).await.map_err(store_error)?;
        Ok(())
    }

    async fn close(&self) {
        // The writer goes last: on its way out SQLite folds the write-ahead log into the database. That a pool was closed
        // before is no failure.
        let _ = self.readers.close_by_ref().await;
        let _ = self.writer.close_by_ref().await;
    }
}
