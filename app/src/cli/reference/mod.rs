//! Reference pages of the documentation. They are generated from the code, so they cannot contradict it.

mod command_line;
mod configuration;

use super::args::ReferencePage;
use super::error::Outcome;
use super::support::say;
use crate::http::shared::problem_pages;

/// Prints a page as Markdown.
pub(super) fn run(page: ReferencePage) -> Outcome {
    let text = match page {
        ReferencePage::Configuration => configuration::page(),
        ReferencePage::Problems => problem_pages::reference(),
        ReferencePage::CommandLine => command_line::page(),
    };
    say(text.trim_end());
    Ok(())
}
