//! Files with secret content.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

/// The mode of a file that only its owner may read and write.
pub const PRIVATE_MODE: u32 = 0o600;

/// Why a file is not private.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exposure {
    /// Users outside its group may read it. Its group may, because that is how tools share a key with a service.
    #[error("may be read by others (mode {0:o}); make it private with `chmod 600`")]
    Readable(u32),
    /// Its group or others may change its content.
    #[error("may be written by others than its owner (mode {0:o}); make it private with `chmod 600`")]
    Writable(u32),
    /// All users may replace it.
    #[error("is in {folder}, where all users may replace it (mode {mode:o}); correct that with `chmod o-w`", folder = .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Why a file is not private, or `None` if it is. The check follows links, and includes the folders of the link and of
/// its target.
pub fn exposure(path: &Path) -> io::Result<Option<Exposure>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Ok(Some(Exposure::Writable(mode)));
    }
    if mode & 0o007 != 0 {
        return Ok(Some(Exposure::Readable(mode)));
    }
    for folder in [folder(path), folder(&path.canonicalize()?)] {
        let mode = fs::metadata(folder)?.permissions().mode() & 0o1777;
        // With the sticky bit, as in /tmp, only the owner of a file can replace it.
        if mode & 0o1002 == 0o002 {
            return Ok(Some(Exposure::Folder { folder: folder.to_owned(), mode }));
        }
    }
    Ok(None)
}

/// The owner of a file, unless that is root or the user of this process. Such an owner can replace the file.
pub fn foreign_owner(path: &Path) -> io::Result<Option<u32>> {
    let owner = fs::metadata(path)?.uid();
    Ok((owner != 0 && owner != rustix::process::geteuid().as_raw()).then_some(owner))
}

/// Creates a file that must not exist yet, with its final mode from the start.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Changes the owner of a file that root has created. The new owner is the owner of the file that it replaces, or else
/// of the folder, because the service must be able to read what a command of root has written.
pub fn give_to_owner(file: &File, path: &Path) -> io::Result<()> {
    if file.metadata()?.uid() != 0 {
        return Ok(());
    }
    let model = fs::metadata(path).or_else(|_| fs::metadata(folder(path)))?;
    fchown(file, Some(model.uid()), Some(model.gid()))
}

/// Opens a lock file, and creates it if it does not exist. Only its owner may open it, because any other user could
/// hold the lock.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let file = match create_new(path, PRIVATE_MODE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path)?
        }
        made => made?,
    };
    // Earlier releases made it readable for others.
    if file.metadata()?.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(PRIVATE_MODE))?;
    }
    Ok(file)
}

/// Creates the parent folders of a file. Only their owner may write to them.
pub fn make_folder_of(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder(path))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
