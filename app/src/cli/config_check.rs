use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Outcome;
use super::output::say;
use crate::config::Config;

/// Shows what is in force. That there is a configuration says already that it is valid.
pub(super) fn run(_: &Config, flags: &HashMap<&'static str, String>, as_json: bool) -> Outcome {
    if as_json {
        let listing = Config::listing(flags).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        say(&Value::Object(listing.collect::<Map<_, _>>()).to_string());
        return Ok(());
    }
    for (name, value) in Config::listing(flags) {
        say(&format!("{name}={value}"));
    }
    say("the configuration is valid");
    Ok(())
}
