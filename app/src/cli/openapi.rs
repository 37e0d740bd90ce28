use std::sync::Arc;

use inwren_adapters::crypto::jwt::SigningKeys;
use inwren_adapters::crypto::keys::KeyPair;
use inwren_adapters::memory::MemoryStore;

use super::{Failed, Outcome};
use crate::config::Config;
use crate::{http, wiring};

/// Prints the OpenAPI document. It needs no database and no key of the service: those it gets are thrown away.
pub(super) fn run(config: &Config) -> Outcome {
    let key = KeyPair::generate(crate::keys::DEFAULT_BITS).map_err(Failed::because)?;
    let tokens = wiring::tokens(config, &SigningKeys::of_one(key)).map_err(Failed::because)?;
    let core = wiring::core(config, Arc::new(MemoryStore::new()), tokens).map_err(Failed::because)?;
    let state = wiring::app_state(config, core).map_err(Failed::because)?;
    super::output::say(http::openapi_document(&Arc::new(state)).trim_end());
    Ok(())
}
