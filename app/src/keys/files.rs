//! Key files: reading, validating and writing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use inwren_adapters::crypto::keys::{KeyError, KeyPair, PublicKey};

use crate::config::{Environment, KeyPaths};
use crate::ephemeral;
use crate::runtime::private_file::{self, Exposure, PRIVATE_MODE};

/// Why a key could not be loaded or written. The message names the variable and the file, and nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file does not exist, and this environment does not generate it.
    #[error(
        "{variable}: the file {path} does not exist. Run the command in the folder of the service, or create a key pair \
         with `inwren keys generate`",
        path = absolute(path).display()
    )]
    Missing {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{variable}: {path}: {kind}", path = .path.display())]
    Io {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        kind: ErrorKind,
    },
    /// The file is invalid.
    #[error("{variable}: {path} {error}", path = .path.display())]
    Key {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
    /// Users other than the owner may read or replace the private key.
    #[error("PRIVATE_KEY_PATH: {path} {exposure}", path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What is wrong with the permissions.
        exposure: Exposure,
    },
    /// The key is the published development key of ephemeral services.
    #[error(
        "PRIVATE_KEY_PATH: {path} is the published development key of `inwren serve --ephemeral`, with which anybody can \
         sign; create a key pair with `inwren keys generate`",
        path = .path.display()
    )]
    Published {
        /// The file.
        path: PathBuf,
    },
    /// The manifest is invalid.
    #[error("PRIVATE_KEY_PATH: {path} {problem}", path = .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A different private key exists under the default name of earlier releases.
    #[error(
        "PRIVATE_KEY_PATH: {path} and {rival} are different keys, and both are default names. Set PRIVATE_KEY_PATH and \
         PUBLIC_KEY_PATH to the pair that signs",
        path = .path.display(), rival = .rival.display()
    )]
    Rival {
        /// The file with the current default name.
        path: PathBuf,
        /// The file with the former default name.
        rival: PathBuf,
    },
    /// The key exists already.
    #[error("{path} exists already and is not overwritten", path = .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// The path with the working directory, because a command may run in the wrong folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) const PRIVATE: &str = "PRIVATE_KEY_PATH";
const PUBLIC: &str = "PUBLIC_KEY_PATH";

/// Reads and validates the key pair of `PRIVATE_KEY_PATH` and `PUBLIC_KEY_PATH`.
pub(super) fn load(paths: &KeyPaths, environment: Environment) -> Result<KeyPair, KeyFileError> {
    if let Some(rival) = paths.rival.clone().filter(|_| !paths.manifest().exists()) {
        return Err(KeyFileError::Rival { path: paths.private.clone(), rival });
    }
    let pair = load_private(&paths.private, paths.passphrase(), environment)?;
    let public = match read(PUBLIC, &paths.public) {
        Ok(pem) => pem,
        // The private key contains the public key.
        Err(KeyFileError::Missing { .. }) => return Ok(pair),
        Err(error) => return Err(error),
    };
    PublicKey::from_pem(&public)
        .and_then(|key| key.check_belongs_to(&pair))
        .map_err(|error| KeyFileError::Key { variable: PUBLIC, path: paths.public.clone(), error })?;
    Ok(pair)
}

/// Reads and validates a private key.
pub(super) fn load_private(
    path: &Path,
    passphrase: Option<&str>,
    environment: Environment,
) -> Result<KeyPair, KeyFileError> {
    let pem = zeroize::Zeroizing::new(read(PRIVATE, path)?);
    check_permissions(path, environment)?;
    let pair = KeyPair::read(&pem, passphrase).map_err(|error| KeyFileError::Key {
        variable: PRIVATE,
        path: path.to_owned(),
        error,
    })?;
    if pair.public().id() == ephemeral::KID {
        return Err(KeyFileError::Published { path: path.to_owned() });
    }
    Ok(pair)
}

/// Generates a key pair and writes both halves. It never overwrites an existing file.
pub fn generate(paths: &KeyPaths, bits: usize) -> Result<KeyPair, KeyFileError> {
    for path in [paths.private.clone(), paths.public.clone(), paths.manifest()] {
        if path.exists() {
            return Err(KeyFileError::Exists { path });
        }
    }
    let pair = generate_private(&paths.private, paths.passphrase(), bits)?;
    let public = pair.public().to_pem().map_err(|error| KeyFileError::Key {
        variable: PUBLIC,
        path: paths.public.clone(),
        error,
    })?;
    write_new(PUBLIC, &paths.public, public.as_bytes(), 0o644)?;
    Ok(pair)
}

/// Generates a key pair and writes the private half, which contains the public half.
fn generate_private(path: &Path, passphrase: Option<&str>, bits: usize) -> Result<KeyPair, KeyFileError> {
    let unusable = |error| KeyFileError::Key { variable: PRIVATE, path: path.to_owned(), error };
    let pair = KeyPair::generate(bits).map_err(unusable)?;
    write_private(path, passphrase, &pair)?;
    Ok(pair)
}

/// Writes a new private key. It is encrypted if there is a passphrase.
pub(super) fn write_private(
    path: &Path,
    passphrase: Option<&str>,
    pair: &KeyPair,
) -> Result<(), KeyFileError> {
    let pem = match passphrase {
        Some(passphrase) => pair.to_encrypted_pem(passphrase),
        None => pair.to_pem(),
    };
    let pem = pem.map_err(|error| KeyFileError::Key { variable: PRIVATE, path: path.to_owned(), error })?;
    write_new(PRIVATE, path, pem.as_bytes(), PRIVATE_MODE)
}

fn read(variable: &'static str, path: &Path) -> Result<String, KeyFileError> {
    let content = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyFileError::Missing { variable, path: path.to_owned() },
        kind => KeyFileError::Io { variable, path: path.to_owned(), kind },
    })?;
    // The text around a key may have any encoding.
    Ok(String::from_utf8(content).unwrap_or_else(|error| {
        let content = zeroize::Zeroizing::new(error.into_bytes());
        String::from_utf8_lossy(&content).into_owned()
    }))
}

fn check_permissions(path: &Path, environment: Environment) -> Result<(), KeyFileError> {
    if let Some(owner) = private_file::foreign_owner(path).map_err(io_error(PRIVATE, path))? {
        tracing::warn!(path = %path.display(), owner, "the private key belongs to another user, who can replace it");
    }
    match private_file::exposure(path).map_err(io_error(PRIVATE, path))? {
        Some(exposure) if environment == Environment::Production => {
            Err(KeyFileError::Exposed { path: path.to_owned(), exposure })
        }
        Some(exposure) => {
            tracing::warn!(path = %path.display(), "the private key {exposure}");
            Ok(())
        }
        None => Ok(()),
    }
}

fn write_new(variable: &'static str, path: &Path, content: &[u8], mode: u32) -> Result<(), KeyFileError> {
    private_file::write_new(path, content, mode).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => io_error(variable, path)(error),
    })
}

pub(super) fn io_error(variable: &'static str, path: &Path) -> impl Fn(std::io::Error) -> KeyFileError {
    move |error| KeyFileError::Io { variable, path: path.to_owned(), kind: error.kind() }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// Processes that share a folder may have the same process id: in a container it is usually 1.
    #[test]
    fn of_many_with_one_process_number_one_writes_the_file() {
        const WRITERS: usize = 8;
        let folder = std::env::temp_dir().join(format!("inwren-files-{}", std::process::id()));
        let path = folder.join("private_key.pem");
        for _ in 0..20 {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            let start = Barrier::new(WRITERS);
            let write = &|content: String| {
                start.wait();
                write_new(PRIVATE, &path, content.as_bytes(), 0o600).map(|()| content)
            };
            let written: Vec<_> = thread::scope(|scope| {
                let writing: Vec<_> =
                    (0..WRITERS).map(|n| scope.spawn(move || write(format!("key {n}")))).collect();
                writing.into_iter().map(|writer| writer.join().unwrap()).collect()
            });
            let (made, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
            let refused: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
            assert!(refused.iter().all(|error| matches!(error, KeyFileError::Exists { .. })), "{refused:?}");
            assert_eq!((made.len(), fs::read_dir(&folder).unwrap().count()), (1, 1));
            assert_eq!(fs::read_to_string(&path).ok(), made.into_iter().find_map(Result::ok));
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
