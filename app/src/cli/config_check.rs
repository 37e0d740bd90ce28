use std::collections::HashMap;

use super::Outcome;
use super::output::say;
use crate::config::Config;

/// Shows what is in force. That there is a configuration says already that it is valid.
pub(super) fn run(_: &Config, flags: &HashMap<&'static str, String>) -> Outcome {
    for (name, value) in Config::listing(flags) {
        say(&format!("{name}={value}"));
    }
    say("the configuration is valid");
    Ok(())
}
