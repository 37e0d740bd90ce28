use std::sync::Arc;

use crate::Core;
use crate::account::TierCatalog;
use crate::credential::AcceptedHashes;
use crate::kernel::{Clock, Entropy};
use crate::store::Store;

/// The target of an import: the ports and settings that it uses.
#[derive(Clone)]
pub struct Destination {
    /// The store that receives the users.
    pub store: Arc<dyn Store>,
    /// Decides which password hashes may be stored.
    pub hashes: Arc<dyn AcceptedHashes>,
    /// The configured tiers.
    pub tiers: TierCatalog,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The only source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl From<&Core> for Destination {
    fn from(core: &Core) -> Self {
        Self {
            store: Arc::clone(&core.store),
            hashes: Arc::clone(&core.hasher) as _,
            tiers: core.settings.tiers.clone(),
            clock: Arc::clone(&core.clock),
            entropy: Arc::clone(&core.entropy),
        }
    }
}
