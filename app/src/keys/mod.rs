//! The signing keys on disk.
//!
//! At first there is one key, `PRIVATE_KEY_PATH`, which always signs. The first rotation or revocation creates a
//! manifest beside it, `keys.json`, which says which key signs from when, and one PEM file per new key. The state of a
//! key follows from these times, so instances that share the folder agree without communicating. A running service
//! polls the manifest, and switches to a changed one if all of it is valid.

mod change;
mod files;
mod manifest;
mod open;
mod watch;

pub use change::{Change, Changed, Refused, change, check_revocable, current, text};
pub use files::{KeyFileError, generate};
pub use manifest::{Manifest, ManifestKey};
pub use open::{KeyStore, Opened};
pub use watch::watch;

/// The default modulus of a new key, in bits.
pub const DEFAULT_BITS: usize = 2048;
