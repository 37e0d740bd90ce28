use std::sync::Arc;

use inwren_domain::Core;
use inwren_domain::store::Maintenance;

use super::error::Failed;
use crate::config::Config;
use crate::{start, wiring};

/// The core over the configured database, for a command that works on what is kept there: `what`, in a message.
pub(super) async fn open_core(config: &Config, what: &str) -> Result<Core, Failed> {
    Ok(open_core_and_maintenance(config, what).await?.0)
}

/// The same, with the maintenance of the database.
pub(super) async fn open_core_and_maintenance(
    config: &Config,
    what: &str,
) -> Result<(Core, Arc<dyn Maintenance>), Failed> {
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    let Some(maintenance) = opened.maintenance.clone() else {
        return Err(Failed::Usage(format!("DATABASE_URL: a memory store forgets its {what} at once")));
    };
    start::prepare_schema(config, &opened).await.map_err(Failed::because)?;
    let keys = wiring::key_store(config).open_or_generate(wiring::clock().now()).map_err(Failed::because)?;
    let tokens = wiring::tokens(config, &keys.keys).map_err(Failed::because)?;
    let core = wiring::core(config, Arc::clone(&opened.store), tokens).map_err(Failed::because)?;
    Ok((core, maintenance))
}
