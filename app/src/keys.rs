//! The signing key on disk.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use inwren_adapters::crypto::keys::{KeyError, KeyPair, PublicKey};

use crate::config::{Environment, KeyPaths};

/// The modulus of a new key, in bits, unless another size is asked for.
pub const DEFAULT_BITS: usize = 2048;

/// For how long others may keep the public keys before they ask again.
pub const CACHE_SECONDS: u32 = 300;

/// Why there is no key. The message names the variable and the file, and nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file is not there, and may not be made up.
    #[error("{variable}: there is no file {path}; make a key pair with `inwren keys generate`", path = .path.display())]
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
        /// What the system says.
        kind: ErrorKind,
    },
    /// The file is there, but not what it should be.
    #[error("{variable}: {path} {error}", path = .path.display())]
    Key {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
    /// Others than the owner may read the private key.
    #[error(
        "PRIVATE_KEY_PATH: {path} may be read by others (mode {mode:o}); make it private with `chmod 600`",
        path = .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is a key already.
    #[error("{path} is there already; it is not overwritten", path = .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

const PRIVATE: &str = "PRIVATE_KEY_PATH";
const PUBLIC: &str = "PUBLIC_KEY_PATH";

/// Reads the key pair, or makes one where that is allowed. Tells whether it was made.
pub fn load_or_generate(paths: &KeyPaths, environment: Environment) -> Result<(KeyPair, bool), KeyFileError> {
    if environment == Environment::Development && !paths.private.exists() && !paths.public.exists() {
        match generate(paths, DEFAULT_BITS) {
            Ok(pair) => return Ok((pair, true)),
            // Another process, started at the same moment, was first.
            Err(KeyFileError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    load(paths, environment).map(|pair| (pair, false))
}

/// Reads the key pair and checks it.
pub fn load(paths: &KeyPaths, environment: Environment) -> Result<KeyPair, KeyFileError> {
    let pem = zeroize::Zeroizing::new(read(PRIVATE, &paths.private)?);
    check_permissions(&paths.private, environment)?;
    let pair = KeyPair::from_pem(&pem).map_err(|error| KeyFileError::Key {
        variable: PRIVATE,
        path: paths.private.clone(),
        error,
    })?;
    let public = match read(PUBLIC, &paths.public) {
        Ok(pem) => pem,
        // The private key has the public one in it.
        Err(KeyFileError::Missing { .. }) => return Ok(pair),
        Err(error) => return Err(error),
    };
    PublicKey::from_pem(&public)
        .and_then(|key| key.check_belongs_to(&pair))
        .map_err(|error| KeyFileError::Key { variable: PUBLIC, path: paths.public.clone(), error })?;
    Ok(pair)
}

/// Makes a new key pair and writes both halves. An existing file is never overwritten.
pub fn generate(paths: &KeyPaths, bits: usize) -> Result<KeyPair, KeyFileError> {
    for path in [&paths.private, &paths.public] {
        if path.exists() {
            return Err(KeyFileError::Exists { path: path.clone() });
        }
    }
    let unusable = |error| KeyFileError::Key { variable: PRIVATE, path: paths.private.clone(), error };
    let pair = KeyPair::generate(bits).map_err(unusable)?;
    let (private, public) = (pair.to_pem().map_err(unusable)?, pair.public().to_pem().map_err(unusable)?);
    write_new(PRIVATE, &paths.private, private.as_bytes(), 0o600)?;
    write_new(PUBLIC, &paths.public, public.as_bytes(), 0o644)?;
    Ok(pair)
}

fn read(variable: &'static str, path: &Path) -> Result<String, KeyFileError> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyFileError::Missing { variable, path: path.to_owned() },
        ErrorKind::InvalidData => KeyFileError::Key {
            variable,
            path: path.to_owned(),
            error: if variable == PRIVATE { KeyError::NotAPrivateKey } else { KeyError::NotAPublicKey },
        },
        kind => KeyFileError::Io { variable, path: path.to_owned(), kind },
    })
}

fn check_permissions(path: &Path, environment: Environment) -> Result<(), KeyFileError> {
    let metadata = fs::metadata(path).map_err(io_error(PRIVATE, path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 == 0 {
        return Ok(());
    }
    if environment == Environment::Production {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    tracing::warn!(path = %path.display(), mode = format_args!("{mode:o}"), "the private key may be read by others");
    Ok(())
}

/// Writes a file that is there whole or not at all: to another name first, and then linked to its own, which fails if
/// somebody else has it.
fn write_new(variable: &'static str, path: &Path, content: &[u8], mode: u32) -> Result<(), KeyFileError> {
    let io = io_error(variable, path);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(&io)?;
    }
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let written =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    linked.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => io(error),
    })
}

fn io_error(variable: &'static str, path: &Path) -> impl Fn(std::io::Error) -> KeyFileError {
    move |error| KeyFileError::Io { variable, path: path.to_owned(), kind: error.kind() }
}
