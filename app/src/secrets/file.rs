//! The file: reading and validating.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use inwren_adapters::crypto::keyring::{SecretKeys, SecretKeysError};
use inwren_domain::kernel::EntropyError;
use zeroize::Zeroizing;

use crate::config::Environment;
use crate::runtime::private_file::{self, Exposure};

/// Why the secret keys could not be loaded or written. The message names the file, and nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file does not exist.
    #[error(
        "SECRET_KEY_PATH: the file {path} does not exist. Run the command in the folder of the service, or create a \
         secret key with `inwren secrets generate`",
        path = absolute(path).display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("SECRET_KEY_PATH: {path}: {kind}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        kind: ErrorKind,
    },
    /// The file is not in UTF-8.
    #[error("SECRET_KEY_PATH: {path} is not a file of secret keys; create one with `inwren secrets generate`", path = .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file is invalid.
    #[error("SECRET_KEY_PATH: {path}: {error}", path = .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: SecretKeysError,
    },
    /// Users other than the owner may read or replace the file.
    #[error("SECRET_KEY_PATH: {path} {exposure}", path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What is wrong with the permissions.
        exposure: Exposure,
    },
    /// The file exists already.
    #[error("{path} exists already and is not overwritten; to add a key, run `inwren secrets rotate`", path = .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// No key could be created.
    #[error("no secret key could be created: {0}")]
    Entropy(#[from] EntropyError),
}

/// The path with the working directory, because a command may run in the wrong folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Reads and validates the keys.
pub fn load(path: &Path, environment: Environment) -> Result<SecretKeys, SecretFileError> {
    let content = fs::read(path).map(Zeroizing::new).map_err(|error| match error.kind() {
        ErrorKind::NotFound => SecretFileError::Missing { path: path.to_owned() },
        _ => io_error(path)(error),
    })?;
    check_permissions(path, environment)?;
    let text =
        std::str::from_utf8(&content).map_err(|_| SecretFileError::NotText { path: path.to_owned() })?;
    SecretKeys::parse(text).map_err(|error| SecretFileError::Invalid { path: path.to_owned(), error })
}

fn check_permissions(path: &Path, environment: Environment) -> Result<(), SecretFileError> {
    if let Some(owner) = private_file::foreign_owner(path).map_err(io_error(path))? {
        tracing::warn!(path = %path.display(), owner, "the secret key belongs to another user, who can replace it");
    }
    match private_file::exposure(path).map_err(io_error(path))? {
        Some(exposure) if environment == Environment::Production => {
            Err(SecretFileError::Exposed { path: path.to_owned(), exposure })
        }
        Some(exposure) => {
            tracing::warn!(path = %path.display(), "the secret key {exposure}");
            Ok(())
        }
        None => Ok(()),
    }
}

pub(super) fn io_error(path: &Path) -> impl Fn(std::io::Error) -> SecretFileError {
    move |error| SecretFileError::Io { path: path.to_owned(), kind: error.kind() }
}
