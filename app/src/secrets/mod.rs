//! The secret keys of `SECRET_KEY_PATH`, from which links and codes in letters are derived.
//!
//! All instances share one file, and a running service polls it. A rotation adds a key, which derives new values
//! immediately. The former key stays in the file until nothing that was derived from it is valid.

mod change;
mod file;
mod open;
mod watch;

pub use change::{Rotated, generate, rotate};
pub use file::{SecretFileError, load};
pub use open::{OpenedSecrets, keyring, open_to_serve};
