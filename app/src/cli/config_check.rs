use std::collections::HashMap;

use serde_json::{Map, Value};

use super::error::{Failed, Outcome};
use super::support::say;
use crate::config::Config;
use crate::runtime::start;

/// Shows the settings in force. The configuration has been validated when it was loaded, except for the password of the
/// first superuser, which matters only until that user exists.
pub(super) fn run(config: &Config, flags: &HashMap<&'static str, String>, as_json: bool) -> Outcome {
    if as_json {
        let listing = Config::listing(flags).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        say(&Value::Object(listing.collect::<Map<_, _>>()).to_string());
    } else {
        for (name, value) in Config::listing(flags) {
            say(&format!("{name}={value}"));
        }
    }
    start::check_first_superuser(config)
        .map_err(|error| Failed::Usage(format!("{error} (unless that user has been made already)")))?;
    if !as_json {
        say("the configuration is valid");
    }
    Ok(())
}
