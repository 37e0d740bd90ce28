use std::sync::Arc;

use crate::Core;
use crate::account::TierCatalog;
use crate::credential::AcceptedHashes;
use crate::kernel::{Clock, Entropy};
use crate::keyring::Keyring;
use crate::store::Store;

/// The target of an import: the ports and settings that it uses.
#[derive(Clone)]
pub struct Destination {
    /// The store that receives the users.
    pub store: Arc<dyn Store>,
    /// Decides which password hashes may be stored.
    pub hashes: Arc<dyn AcceptedHashes>,
    /// The secret keys that open and seal the secrets of authenticator apps. Without them their users are refused.
    pub keyring: Option<Arc<dyn Keyring>>,
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
            keyring: core.keyring.clone(),
            tiers: core.settings.tiers.clone(),
            clock: Arc::clone(&core.clock),
            entropy: Arc::clone(&core.entropy),
        }
    }
}
