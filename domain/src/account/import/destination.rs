use std::sync::Arc;

use crate::Core;
use crate::account::TierCatalog;
use crate::credential::AcceptedHashes;
use crate::kernel::{Clock, Entropy};
use crate::store::Store;

/// Where users are brought in: what an import works with.
#[derive(Clone)]
pub struct Destination {
    /// Where users are kept.
    pub store: Arc<dyn Store>,
    /// The password hashes that may be stored.
    pub hashes: Arc<dyn AcceptedHashes>,
    /// The tiers there are.
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
