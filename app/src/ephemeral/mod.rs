//! The ephemeral service, a test server for other projects: everything in memory, with published users, passwords,
//! clients and key.
//!
//! Its tokens prove nothing, so it is kept away from deployments that might trust them. It refuses to run in
//! production. It refuses addresses that other machines can reach, unless the operator allows them explicitly. No
//! service accepts its key from a file.

mod clients;
mod key;
mod totp;
mod users;

use inwren_domain::Core;

pub use clients::{CLIENTS, SeedClient};
pub use key::{KID, signing_keys};
pub use users::{SEEDS, Seed, SeedError};

/// Creates the users and the clients.
pub async fn seed(core: &Core) -> Result<(), SeedError> {
    users::seed(core).await?;
    clients::seed(core).await
}
