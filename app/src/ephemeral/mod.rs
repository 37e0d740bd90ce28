//! A service for the tests of others: everything in memory, users that everybody knows, and a key that everybody knows.
//!
//! What such a service signs is worth nothing, so it is kept away from where it could be believed: it refuses to be a
//! production service, to be reached from other machines unless that is asked for, and its key is refused wherever a key
//! is read from a file.

mod key;
mod users;

pub use key::{KID, signing_keys};
pub use users::{SEEDS, Seed, seed};
