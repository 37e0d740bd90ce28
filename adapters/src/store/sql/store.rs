use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::account::{Inserted, Registration};
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome, SessionStart, SessionStartOutcome};
use inwren_domain::store::{ReadView, Store, UnitOfWork};
use sea_orm::{ConnectionTrait, Statement};

use super::account_export::SqlSnapshot;
use super::connection::connect::{OpenFile, Pools, SqlOptions, connect};
use super::connection::connect_error::ConnectError;
use super::connection::error::store_error;
use super::connection::pool::Pool;
use super::connection::target::SqlTarget;
use super::dialect::Dialect;
use super::dialect::postgres::{registration, session_rotation, session_start};
use super::dialect::sqlite;
use super::session_lookup::SessionLookup;
use super::unit::SqlUnit;
use super::view::SqlView;

/// A store in PostgreSQL or SQLite. The tables must exist: the migrations create them.
#[derive(Clone)]
pub struct SqlStore {
    pub(super) writer: Pool,
    pub(super) readers: Pool,
    session_lookup: Arc<SessionLookup>,
    often: OftenWritten,
    /// SQLite only.
    pub(super) file: Option<Arc<OpenFile>>,
}

/// Paths of the most frequent writes: registrations, logins and refreshes.
#[derive(Clone)]
enum OftenWritten {
    Postgres(Arc<session_rotation::Rotations>),
    Sqlite(Arc<sqlite::Writes>),
}

impl SqlStore {
    /// Opens the database. A SQLite file is created if it does not exist.
    ///
    /// The call opens the first connection, so that it reports a wrong password or path.
    pub async fn connect(target: &SqlTarget, options: &SqlOptions) -> Result<Self, ConnectError> {
        let Pools { writer, readers, file } = connect(target, options).await?;
        let path = file.as_ref().map(|file| file.path.as_path());
        let session_lookup = Arc::new(SessionLookup::over(readers.clone(), path, options.acquire_timeout));
        let often = match path {
            Some(path) => {
                let writes = sqlite::Writes::to(path, writer.clone(), options.lock_timeout)?;
                OftenWritten::Sqlite(Arc::new(writes))
            }
            None => {
                let rotations = session_rotation::Rotations::over(writer.clone(), options.acquire_timeout);
                OftenWritten::Postgres(Arc::new(rotations))
            }
        };
        Ok(Self { writer, readers, session_lookup, often, file: file.map(Arc::new) })
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        Ok(Box::new(SqlView::new(self.readers.clone(), Arc::clone(&self.session_lookup))))
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(SqlUnit::begin(&self.writer).await?))
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        match &self.often {
            OftenWritten::Postgres(rotations) => rotations.rotate(rotation).await,
            OftenWritten::Sqlite(writes) => writes.rotate(rotation).await,
        }
    }

    async fn open_session(&self, start: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
        if start.notice.is_some() {
            return self.begin().await?.open_session(start).await;
        }
        match &self.often {
            OftenWritten::Postgres(_) => session_start::open(&self.writer, start).await,
            OftenWritten::Sqlite(writes) => writes.open(start).await,
        }
    }

    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        if !registration.is_plain() {
            return self.begin().await?.register_user(registration).await;
        }
        match &self.often {
            OftenWritten::Postgres(_) => registration::register(&self.writer, registration).await,
            OftenWritten::Sqlite(writes) => writes.register(registration).await,
        }
    }

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        Ok(Box::new(SqlSnapshot::take(&self.readers).await?))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let question = match Dialect::of(&self.readers) {
            // Without a table SQLite would answer without reading its file.
            Dialect::Sqlite => "SELECT count(*) FROM sqlite_schema",
            Dialect::Postgres => "SELECT 1",
        };
        let statement = Statement::from_string(self.readers.get_database_backend(), question);
        self.readers.timeout().wait(self.readers.query_one_raw(statement)).await.map_err(store_error)?;
        Ok(())
    }

    async fn close(&self) {
        // The writer closes last, because SQLite then checkpoints the write-ahead log into the database. Closing a pool
        // twice is not an error.
        self.session_lookup.close();
        if let OftenWritten::Sqlite(writes) = &self.often {
            writes.close();
        }
        let _ = self.readers.connections().close_by_ref().await;
        let _ = self.writer.connections().close_by_ref().await;
    }
}
