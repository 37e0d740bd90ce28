//! Colours, where the output is a terminal that shows them.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// An error: bold and red.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// A warning: yellow.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// What matters most: bold.
pub const STRONG: Style = Style::new().bold();
/// What only names the rest: dim.
pub const LABEL: Style = Style::new().dimmed();

/// Whether what is written to this stream may have colours: it is a terminal that knows them, and `NO_COLOR` is not set
/// (no-color.org: any value but an empty one).
pub fn wanted(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Gives words a style, if colours are wanted.
pub fn paint(wanted: bool, style: Style, words: &str) -> String {
    if wanted { format!("{style}{words}{style:#}") } else { words.to_owned() }
}
