use std::sync::Arc;

use inwren_adapters::memory::MemoryStore;

use super::core::core_without_tokens;
use super::error::{Failed, Outcome};
use crate::config::Config;
use crate::{http, wiring};

/// Prints the OpenAPI document. It needs no database: the one it gets is thrown away.
pub(super) fn run(config: &Config) -> Outcome {
    let core = core_without_tokens(config, Arc::new(MemoryStore::new()))?;
    let state = wiring::app_state(config, core).map_err(Failed::because)?;
    super::output::say(http::openapi_document(&Arc::new(state)).trim_end());
    Ok(())
}
