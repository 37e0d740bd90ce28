//! Terminal colours.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// An error: bold and red.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// A warning: yellow.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// An emphasis: bold.
pub const STRONG: Style = Style::new().bold();
/// A label: dim.
pub const LABEL: Style = Style::new().dimmed();

/// Whether output to this stream may have colours: it is a terminal that supports them, and `NO_COLOR` is not set
/// (no-color.org: any value but an empty one).
pub fn wanted(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Styles a text, if colours are wanted.
pub fn paint(wanted: bool, style: Style, words: &str) -> String {
    if wanted { format!("{style}{words}{style:#}") } else { words.to_owned() }
}
