use std::path::Path;
use std::time::Duration;

use inwren_domain::kernel::StoreError;
use inwren_domain::store::Checkpoint;
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, query};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::{beside, options};
use crate::store::sql::connection::error::{driver_error, store_error};

/// Size in bytes up to which the write-ahead log may grow while no reader needs its beginning.
pub(crate) const LARGEST_LOG: u64 = 32 * 1024 * 1024;
/// How long a checkpoint of a larger log waits for readers, and blocks writers.
const PATIENCE: Duration = Duration::from_millis(250);

/// Unused pages that stay in any file for reuse.
const SMALLEST_RESERVE: i64 = 256;
/// Pages returned at a time, which blocks writers for some milliseconds.
const STEP: i64 = 256;

/// Returns some unused pages at the end of a SQLite file to the file system, and reports how many bytes. A tenth of the
/// file stays unused: it will be needed again, and shrinking and growing the file would cost more than it saves.
pub(crate) async fn vacuum(writer: &DatabaseConnection) -> Result<u64, StoreError> {
    let total = pragma(writer, "page_count").await?;
    let unused = pragma(writer, "freelist_count").await?;
    let reserve = (total / 10).max(SMALLEST_RESERVE);
    // Fewer pages are not worth a commit.
    if unused < reserve + STEP {
        return Ok(0);
    }
    writer.execute_unprepared(&format!("PRAGMA incremental_vacuum({STEP})")).await.map_err(store_error)?;
    let left = pragma(writer, "page_count").await?;
    let size = pragma(writer, "page_size").await?;
    Ok(((total - left).max(0) * size).unsigned_abs())
}

async fn pragma(connection: &DatabaseConnection, name: &str) -> Result<i64, StoreError> {
    let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
    let row = connection.query_one_raw(statement).await.map_err(store_error)?;
    let value = row.and_then(|row| row.try_get_by_index(0).ok());
    value.ok_or_else(|| StoreError::Unavailable(format!("SQLite does not tell its {name}")))
}

/// Copies a write-ahead log that has grown too long into the database, and truncates it.
///
/// SQLite does this by itself at about every thousandth page, but never while a reader uses the middle of the log, so
/// that consecutive long reads could let it grow without limit. This checkpoint makes writers wait for a moment until
/// all readers have passed it.
pub(crate) async fn checkpoint(database: &Path) -> Result<Checkpoint, StoreError> {
    let is_short = || std::fs::metadata(beside(database, "-wal")).map_or(0, |log| log.len()) <= LARGEST_LOG;
    if is_short() {
        return Ok(Checkpoint::Done);
    }
    let failed = |error: sea_orm::sqlx::Error| driver_error(&error);
    let mut connection = options(database).busy_timeout(PATIENCE).connect().await.map_err(failed)?;
    let folded = query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
    connection.close().await.map_err(failed)?;
    folded.map_err(failed)?;
    Ok(if is_short() { Checkpoint::Done } else { Checkpoint::Blocked })
}
