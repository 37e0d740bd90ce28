//! The ephemeral service, a test server for other projects: everything in memory, with published users, passwords and
//! key.
//!
//! Its tokens prove nothing, so it is kept away from deployments that might trust them. It refuses to run in
//! production. It refuses addresses that other machines can reach, unless the operator allows them explicitly. No
//! service accepts its key from a file.

mod key;
mod totp;
mod users;

pub use key::{KID, signing_keys};
pub use users::{SEEDS, Seed, seed};
