use std::path::Path;

use sea_orm::sqlx::sqlite::SqliteAutoVacuum;
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, query};

use super::contents::{Contents, inspect};
use super::error::{FileError, database, io};
use super::lease::Lease;
use super::place::{Draft, folder};
use super::{SqliteFile, beside, options};

impl SqliteFile {
    /// Copies the database as it is at this moment, while others read it and write to it; checks the copy; and gives it
    /// its name once it is whole and on the disk. Only the owner may read it. A file that is there is overwritten only
    /// where that is said.
    ///
    /// Everything that was committed before the call is in it.
    pub async fn back_up(&self, target: &Path, overwrite: bool) -> Result<Contents, FileError> {
        std::fs::metadata(&self.path).map_err(io(&self.path))?;
        let lease = Lease::share(&self.path).map_err(io(&self.path))?;
        let _lease = lease.ok_or_else(|| FileError::BeingRestored(self.path.clone()))?;
        if target.exists() {
            self.refuse_itself(target)?;
            if !overwrite {
                return Err(FileError::Exists(target.to_owned()));
            }
        }
        std::fs::metadata(folder(target)).map_err(io(folder(target)))?;
        let draft = Draft::new(beside(target, &format!(".{}.partial", std::process::id())))?;
        self.copy_into(draft.path()).await?;
        let contents = inspect(draft.path()).await?;
        draft.sync()?;
        if overwrite {
            draft.replace(target)?
        } else {
            draft.add(target)?
        };
        Ok(contents)
    }

    /// `VACUUM INTO` reads one snapshot, page by page, and keeps nobody from writing. The file has to be empty, or not
    /// there.
    async fn copy_into(&self, target: &Path) -> Result<(), FileError> {
        // A relative name would be looked for in the folder of the process, which is what is meant, but one that begins
        // with `file:` is a URL to SQLite.
        let target = std::path::absolute(target).map_err(io(target))?;
        let Some(name) = target.to_str() else {
            return Err(FileError::Io { path: target, kind: std::io::ErrorKind::InvalidFilename });
        };
        // A file from before there was an automatic vacuum gets one in its copy.
        let source = options(&self.path).auto_vacuum(SqliteAutoVacuum::Incremental);
        let mut connection = source.connect().await.map_err(database(&self.path))?;
        let copied = query("VACUUM INTO ?").bind(name).execute(&mut connection).await;
        connection.close().await.map_err(database(&self.path))?;
        copied.map(drop).map_err(database(&self.path))
    }

    /// No backup of a database lies in its own place.
    pub(super) fn refuse_itself(&self, other: &Path) -> Result<(), FileError> {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        match (identity(&self.path), identity(other)) {
            (Some(own), Some(other_file)) if own == other_file => Err(FileError::Itself(other.to_owned())),
            _ => Ok(()),
        }
    }
}
