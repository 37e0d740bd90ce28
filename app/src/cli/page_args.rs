use clap::Args;
use inwren_domain::kernel::PageRequest;
use poem_openapi::types::ToJSON;

use super::support::say;

/// The page of a list to print, and its form.
#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// Largest number of rows to list
    #[arg(
        long,
        default_value_t = PageRequest::DEFAULT_LIMIT,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(PageRequest::MAX_LIMIT))
    )]
    pub(super) limit: u16,
    /// Continue a list: the cursor that the previous page printed. Repeat the other options
    #[arg(long)]
    pub(super) cursor: Option<String>,
    /// Print JSON, in the form of the API
    #[arg(long)]
    json: bool,
}

impl PageArgs {
    /// Prints a page: as JSON, or as lines and the cursor of the next page.
    pub(super) fn say(&self, page: &impl ToJSON, lines: &[String], next_cursor: Option<&str>) {
        if self.json {
            say(&page.to_json_string());
            return;
        }
        lines.iter().for_each(|line| say(line));
        if let Some(next) = next_cursor {
            say(&format!("More: --cursor {next}"));
        }
    }
}
