use std::io::Write as _;

use crate::colour;

/// Prints a line for the user. A reader that has gone away is no reason to die.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints an error.
pub(super) fn complain(message: &str) {
    let error = colour::paint(colour::wanted(&std::io::stderr()), colour::ERROR, "error:");
    let _ = writeln!(std::io::stderr(), "{error} {message}");
}
