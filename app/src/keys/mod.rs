//! The signing keys on disk.
//!
//! `PRIVATE_KEY_PATH` alone is one key, which signs always. Once keys are rotated there is a manifest beside it,
//! `keys.json`, which says which key signs from when, and one PEM file a key. What a key does follows from these times, so
//! instances that share the folder agree without a word between them. A running service looks at the manifest again and
//! again, and goes over to it if all of it is good.

mod change;
mod files;
mod manifest;
mod open;
mod watch;

pub use change::{Change, Changed, Refused, change, taken_over, text};
pub use files::{KeyFileError, generate};
pub use manifest::{Manifest, ManifestKey};
pub use open::{KeyStore, Opened};
pub use watch::watch;

/// The modulus of a new key, in bits, unless another size is asked for.
pub const DEFAULT_BITS: usize = 2048;
