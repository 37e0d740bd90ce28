//! Files with secret content.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
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

/// Writes a new file atomically: to a temporary name first, which is then linked to the final name. Fails with
/// [`io::ErrorKind::AlreadyExists`] if the final name exists.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    make_folder_of(path)?;
    let (draft, mut file) = new_draft(path, mode)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    linked
}

/// Creates a temporary file in the folder of the final one. Processes in different containers may have the same process
/// id, so the temporary name may be taken by another process.
fn new_draft(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    const MOST: u32 = 100;
    let mut others = 0;
    loop {
        let draft = path.with_extension(format!("{}-{others}.tmp", std::process::id()));
        match create_new(&draft, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && others < MOST => others += 1,
            opened => return opened.map(|file| (draft, file)),
        }
    }
}

/// Replaces the content of a private file atomically. The caller holds a [lock](open_lock), which admits one writer at
/// a time.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft = PathBuf::from(draft);
    // Remove the draft of an interrupted command.
    let _ = fs::remove_file(&draft);
    let written = create_new(&draft, PRIVATE_MODE).and_then(|mut file| {
        give_to_owner(&file, path)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    // Sync the folder too, because it contains the name.
    File::open(folder(path)).and_then(|folder| folder.sync_all())
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
