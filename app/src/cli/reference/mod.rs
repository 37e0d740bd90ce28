//! The pages of the documentation that are made from the code, so that they cannot say anything else.

mod command_line;
mod configuration;

use super::args::ReferencePage;
use super::error::Outcome;
use super::support::say;
use crate::http::shared::problem_pages;

/// Prints a page, as Markdown.
pub(super) fn run(page: ReferencePage) -> Outcome {
    let text = match page {
        ReferencePage::Configuration => configuration::page(),
        ReferencePage::Problems => problem_pages::reference(),
        ReferencePage::CommandLine => command_line::page(),
    };
    say(text.trim_end());
    Ok(())
}
