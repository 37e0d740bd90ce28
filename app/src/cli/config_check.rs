use std::collections::HashMap;

use serde_json::{Map, Value};

use super::error::{Failed, Outcome};
use super::support::{say, warn};
use crate::config::{Config, misspelt};
use crate::http::check_account_pages;
use crate::letters::{self, PageTexts, TemplateError};
use crate::runtime::start;

/// Shows the settings in force and where each value comes from, and warns about misspelt names. The configuration has been validated when it was loaded, except for the password of the
/// first superuser, which matters only until that user exists.
pub(super) fn run(config: &Config, flags: &HashMap<&'static str, String>, as_json: bool) -> Outcome {
    if as_json {
        let listing =
            Config::listing(flags).into_iter().map(|(name, value, _)| (name.to_owned(), value.into()));
        say(&Value::Object(listing.collect::<Map<_, _>>()).to_string());
    } else {
        // The form of a `.env` file, in which a comment begins after a blank.
        for (name, value, origin) in Config::listing(flags) {
            say(&format!("{name}={value}  # {origin}"));
        }
    }
    for misspelt in misspelt() {
        warn(&misspelt.to_string());
    }
    start::check_first_superuser(config)
        .map_err(|error| Failed::Usage(format!("{error} (no problem if that user already exists)")))?;
    check_templates(config).map_err(|error| Failed::Usage(format!("TEMPLATES_DIR: {error}")))?;
    if !as_json {
        say("the configuration is valid");
    }
    Ok(())
}

/// Renders every letter and page in every language with sample data.
fn check_templates(config: &Config) -> Result<(), TemplateError> {
    let folder = config.templates_dir.as_deref();
    letters::writer(&config.public_url, &config.project_name, folder)?;
    check_account_pages(&PageTexts::read(folder)?)
}
