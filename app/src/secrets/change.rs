//! Creating and rotating secret keys.

use std::io::ErrorKind;
use std::path::Path;

use inwren_adapters::crypto::keyring::SecretKeys;
use inwren_domain::kernel::Entropy;
use inwren_domain::keyring::SecretKeyId;
use time::OffsetDateTime;

use super::file::{SecretFileError, io_error, load};
use crate::config::Environment;
use crate::runtime::private_file::{self, PRIVATE_MODE, open_lock};

/// Creates the file with a new key. It never overwrites an existing file.
pub fn generate(
    path: &Path,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<SecretKeys, SecretFileError> {
    let keys = SecretKeys::generate(now, entropy)?;
    let written = private_file::write_new(path, keys.to_text().as_bytes(), PRIVATE_MODE);
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => SecretFileError::Exists { path: path.to_owned() },
        _ => io_error(path)(error),
    })?;
    Ok(keys)
}

/// The result of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that derives new values.
    pub active: SecretKeyId,
    /// The key that did so before.
    pub retired: SecretKeyId,
    /// The number of removed keys.
    pub removed: usize,
}

/// Adds a key and retires the active one. A lock file serialises concurrent rotations.
pub fn rotate(
    path: &Path,
    environment: Environment,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<Rotated, SecretFileError> {
    // Without a file, fail before the lock file is created.
    load(path, environment)?;
    // Replace the file itself, not a link to it.
    let path = path.canonicalize().map_err(io_error(path))?;
    let lock = path.with_extension("lock");
    let held = open_lock(&lock).and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    let _held = held.map_err(io_error(&lock))?;
    let mut keys = load(&path, environment)?;
    let retired = keys.active().id;
    let removed = keys.rotate(now, entropy)?;
    private_file::replace(&path, keys.to_text().as_bytes()).map_err(io_error(&path))?;
    Ok(Rotated { active: keys.active().id, retired, removed })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;
    use std::thread;

    use time::Duration;

    use super::*;
    use crate::wiring;

    /// A folder that is deleted on drop.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("inwren-secrets-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn at(days: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::days(20_000 + days)
    }

    fn rotate_at(path: &Path, days: i64) -> Result<Rotated, SecretFileError> {
        rotate(path, Environment::Production, at(days), &*wiring::entropy())
    }

    #[test]
    fn rotation_keeps_file_private_and_link() {
        let folder = Folder::new("rotate");
        let (file, link) = (folder.0.join("secret.keys"), folder.0.join("link"));
        let first = generate(&file, at(0), &*wiring::entropy()).unwrap().active().id;
        symlink(&file, &link).unwrap();
        let rotated = rotate_at(&link, 1).unwrap();
        assert_eq!((rotated.retired, rotated.removed), (first, 0));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let keys = load(&file, Environment::Production).unwrap();
        assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [rotated.active, first]);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(rotate_at(&file, 366).unwrap().removed, 0);
        assert_eq!(rotate_at(&file, 368).unwrap().removed, 1);
        let again = generate(&file, at(2), &*wiring::entropy());
        assert!(matches!(again, Err(SecretFileError::Exists { .. })));
    }

    #[test]
    fn concurrent_rotations_lose_no_key() {
        const WRITERS: usize = 8;
        let folder = Folder::new("concurrent");
        let file = folder.0.join("secret.keys");
        generate(&file, at(0), &*wiring::entropy()).unwrap();
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| rotate_at(&file, 1).unwrap());
            }
        });
        assert_eq!(load(&file, Environment::Production).unwrap().iter().count(), 1 + WRITERS);
    }

    #[test]
    fn rotation_without_a_file_creates_none() {
        let folder = Folder::new("none");
        assert!(matches!(rotate_at(&folder.0.join("secret.keys"), 0), Err(SecretFileError::Missing { .. })));
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }
}
