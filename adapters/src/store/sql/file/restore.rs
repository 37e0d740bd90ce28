use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use inwren_domain::session::RevocationReason;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteLockingMode};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, query, query_scalar};
use time::OffsetDateTime;

use super::contents::{Contents, inspect};
use super::error::{FileError, database, io};
use super::lease::Lease;
use super::place::{Draft, folder, keep, make_folder, sync_folder};
use super::{SqliteFile, beside, options};
use crate::store::sql::connection::timestamp::to_micros;

/// Rows that do not survive a restore, by table: since the backup, a device may have lost its trust, and a challenge
/// may have been answered.
const VOID: [(&str, &str); 2] =
    [("trusted_devices", "DELETE FROM trusted_devices"), ("challenges", "DELETE FROM challenges")];

/// A backup that was copied beside the database and found intact. No process can open the database until this is put in
/// place or dropped.
#[derive(Debug)]
pub struct Staged {
    database: SqliteFile,
    draft: Draft,
    contents: Contents,
    _alone: Lease,
}

impl SqliteFile {
    /// Copies a backup beside the database, and checks the copy. It fails while another process has the database open.
    pub async fn stage(&self, backup: &Path) -> Result<Staged, FileError> {
        fs::metadata(backup).map_err(io(backup))?;
        self.refuse_itself(backup)?;
        refuse_log(backup)?;
        make_folder(&self.path).map_err(io(folder(&self.path)))?;
        // SQLite creates its files beside the target of a link.
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let database = Self { path };
        let alone = Lease::alone(&database.path).map_err(io(&database.path))?;
        let alone = alone.ok_or_else(|| FileError::InUse(database.path.clone()))?;

        let name = beside(&database.path, ".restoring");
        // Left by an interrupted restore: no other one is running now.
        let _ = fs::remove_file(&name);
        let draft = Draft::new(name)?;
        // `fs::copy` would copy the permissions, and those of a backup may be wrong.
        let mut from = fs::File::open(backup).map_err(io(backup))?;
        let mut to = fs::OpenOptions::new().write(true).open(draft.path()).map_err(io(draft.path()))?;
        std::io::copy(&mut from, &mut to).map_err(io(draft.path()))?;
        drop(to);
        let contents = inspect(draft.path()).await.map_err(|error| name_backup(error, &draft, backup))?;
        Ok(Staged { database, draft, contents, _alone: alone })
    }
}

/// Refuses a backup with a log beside it, because the log belongs to its content.
fn refuse_log(backup: &Path) -> Result<(), FileError> {
    match fs::metadata(beside(backup, "-wal")) {
        Ok(log) if log.len() > 0 => Err(FileError::HasLog(backup.to_owned())),
        _ => Ok(()),
    }
}

/// Replaces the copy's path by that of the backup, because faults of the copy are faults of the backup.
fn name_backup(error: FileError, draft: &Draft, backup: &Path) -> FileError {
    let path = backup.to_owned();
    match error {
        FileError::Damaged { what, .. } => FileError::Damaged { path, what },
        FileError::Foreign(named) if named == draft.path() => FileError::Foreign(path),
        FileError::Database { error, .. } => FileError::Database { path, error },
        error => error,
    }
}

impl Staged {
    /// Returns the path of the copy.
    pub fn path(&self) -> &Path {
        self.draft.path()
    }

    /// Returns the contents of the copy.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Revokes all sessions in the copy that are live at this time, so that all users have to log in again. Returns how
    /// many.
    pub async fn end_sessions(&mut self, at: OffsetDateTime) -> Result<u64, FileError> {
        let path = self.draft.path();
        let mut connection = options(path).connect().await.map_err(database(path))?;
        let ended = query(
            "UPDATE sessions SET revoked_at = ?1, revoked_reason = ?2 \
             WHERE revoked_at IS NULL AND expires_at > ?1 AND max_expires_at > ?1",
        )
        .bind(to_micros(at))
        .bind(RevocationReason::RevokedByAdmin.as_str())
        .execute(&mut connection)
        .await;
        connection.close().await.map_err(database(path))?;
        Ok(ended.map_err(database(path))?.rows_affected())
    }

    /// Deletes the trusted devices and the challenges in the copy, and replaces the database with it in one step. An
    /// existing database is kept under a name that ends in `suffix`, which this returns.
    pub async fn put_in_place(self, suffix: &str) -> Result<Option<PathBuf>, FileError> {
        let Self { database, draft, contents: _, _alone } = self;
        delete_void(draft.path()).await?;
        give_to_owner(draft.path(), &database.path)?;
        draft.sync()?;
        if !database.path.exists() {
            // SQLite would apply a leftover log to the new database.
            forget_log(&database.path);
            draft.add(&database.path)?;
            return Ok(None);
        }
        let kept = beside(&database.path, suffix);
        fold_in(&database.path).await?;
        keep(&database.path, &kept)?;
        // A log that could not be checkpointed moves with its database.
        let log = beside(&database.path, "-wal");
        match fs::rename(&log, beside(&kept, "-wal")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&log)(error)),
            _ => forget_log(&database.path),
        }
        sync_folder(&database.path)?;
        draft.replace(&database.path)?;
        Ok(Some(kept))
    }
}

async fn delete_void(path: &Path) -> Result<(), FileError> {
    let mut connection = options(path).connect().await.map_err(database(path))?;
    let deleted = delete_rows(&mut connection).await;
    connection.close().await.map_err(database(path))?;
    deleted.map_err(database(path))
}

async fn delete_rows(connection: &mut SqliteConnection) -> Result<(), sea_orm::sqlx::Error> {
    for (table, delete) in VOID {
        let named = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
        let found: i64 = query_scalar(named).bind(table).fetch_one(&mut *connection).await?;
        // A later migration than those of the backup may create the table.
        if found > 0 {
            query(delete).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Gives the file the owner of the previous database, or of its folder, because root may restore a database that the
/// service must open.
fn give_to_owner(draft: &Path, database: &Path) -> Result<(), FileError> {
    let model = fs::metadata(database).or_else(|_| fs::metadata(folder(database))).map_err(io(database))?;
    let own = fs::metadata(draft).map_err(io(draft))?;
    if (own.uid(), own.gid()) == (model.uid(), model.gid()) || own.uid() != 0 {
        return Ok(());
    }
    chown(draft, Some(model.uid()), Some(model.gid())).map_err(io(draft))
}

fn forget_log(database: &Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(database, suffix));
    }
}

/// Checkpoints the write-ahead log into the database, so that it is a single file. SQLite requires exclusive access for
/// this, so it also detects other programs that use the database. A damaged database stays unchanged.
async fn fold_in(path: &Path) -> Result<(), FileError> {
    let in_use = || FileError::InUse(path.to_owned());
    let alone = options(path)
        .busy_timeout(Duration::ZERO)
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Delete);
    let outcome = async {
        let mut connection = alone.connect().await?;
        let mode = query_scalar::<_, String>("PRAGMA journal_mode").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sea_orm::sqlx::Error>(mode)
    };
    match outcome.await.map_err(database(path)) {
        Ok(mode) if mode == "delete" => Ok(()),
        Ok(_) => Err(in_use()),
        Err(FileError::Database { error: inwren_domain::kernel::StoreError::Busy(_), .. }) => Err(in_use()),
        Err(_) => Ok(()),
    }
}
