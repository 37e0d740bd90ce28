//! Colours, where somebody is there to see them.

use std::io::IsTerminal;

/// Whether what is written to this stream may have colours: it is a terminal that knows them, and `NO_COLOR` is not set
/// (no-color.org: any value but an empty one).
pub fn wanted(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Puts colours around words, or leaves them as they are.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// For what is written to this stream.
    pub fn of(stream: &impl IsTerminal) -> Self {
        Self(wanted(stream))
    }

    /// An error, bold and red.
    pub fn error(self, word: &str) -> String {
        self.paint("1;31", word)
    }

    /// A warning, yellow.
    pub fn warning(self, word: &str) -> String {
        self.paint("33", word)
    }

    /// What matters most, bold.
    pub fn strong(self, word: &str) -> String {
        self.paint("1", word)
    }

    /// What only names the rest, dim.
    pub fn label(self, word: &str) -> String {
        self.paint("2", word)
    }

    /// `code` is a parameter of "select graphic rendition" (ECMA-48, 8.3.117).
    fn paint(self, code: &str, word: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }
}
