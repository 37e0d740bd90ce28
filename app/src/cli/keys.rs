use super::output::say;
use super::{Failed, Outcome};
use crate::config::Config;

/// Makes a new key pair.
pub(super) fn generate(config: &Config, bits: u16) -> Outcome {
    let pair = crate::keys::generate(&config.keys, bits.into()).map_err(Failed::because)?;
    say(&format!("private key: {}", config.keys.private.display()));
    say(&format!("public key:  {}", config.keys.public.display()));
    say(&format!("kid:         {}", pair.public().id()));
    Ok(())
}
