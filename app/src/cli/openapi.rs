use super::support::say;
use crate::config::Config;
use crate::http::{self, Issuer};

/// Prints the OpenAPI document.
pub(super) fn run(config: &Config) {
    let issuer = Issuer::new(&config.token_issuer, &config.token_audience, &config.public_url);
    let served = http::Served { settings: &config.rules, has_mail: config.mail.is_some() };
    say(http::openapi_document(&config.project_name, &issuer, served).trim_end());
}
