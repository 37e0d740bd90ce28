use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::client::{Answer, Call};
use crate::cli::support::{say, shortened};
use crate::runtime::colour::{self, LABEL, STRONG, WARNING, paint};

/// The width of a terminal that a line fits.
const WIDTH: usize = 100;
/// The longest string that a line shows in full. Tokens and moduli are longer.
const LONGEST_STRING: usize = 48;
/// The part of a longer string that a line shows.
const SHOWN_PART: usize = 8;

const REQUEST: Style = AnsiColor::Cyan.on_default();
const SUCCESS: Style = AnsiColor::Green.on_default();
const INDENT: &str = "   ";

/// The output of the demo: coloured on a terminal, plain otherwise.
pub(super) struct Screen {
    colours: bool,
}

impl Screen {
    pub(super) fn of_stdout() -> Self {
        Self { colours: colour::wanted(&std::io::stdout()) }
    }

    /// A heading with its number.
    pub(super) fn step(&self, number: usize, title: &str) {
        say(&format!("\n{}", paint(self.colours, STRONG, &format!("{number}. {title}"))));
    }

    /// The first line.
    pub(super) fn title(&self, text: &str) {
        say(&paint(self.colours, STRONG, text));
    }

    /// A successful check.
    pub(super) fn success(&self, text: &str) {
        say(&format!("{INDENT}{}", paint(self.colours, SUCCESS, text)));
    }

    /// A name and its value.
    pub(super) fn member(&self, name: &str, value: &str) {
        say(&format!("{INDENT}{} {value}", paint(self.colours, LABEL, &format!("{name:<14}"))));
    }

    /// A shell command.
    pub(super) fn command(&self, command: &str) {
        say(&format!("{INDENT}{}", paint(self.colours, REQUEST, &format!("$ {command}"))));
    }

    /// A request.
    pub(super) fn request(&self, call: &Call) {
        let mut lines = vec![format!("{} {}", call.method, call.path)];
        lines.extend(call.token.as_ref().map(|token| format!("Authorization: Bearer {}", beginning(token))));
        lines.extend(call.body.as_ref().map(compact));
        for line in lines {
            say(&format!("{INDENT}{}", paint(self.colours, REQUEST, &cut(&format!("> {line}")))));
        }
    }

    /// A response.
    pub(super) fn answer(&self, answer: &Answer) {
        let style = if answer.status.is_success() { SUCCESS } else { WARNING };
        let status = paint(self.colours, style, &answer.status.to_string());
        let took = paint(self.colours, LABEL, &format!("{:.1} ms", answer.took.as_secs_f64() * 1_000.0));
        say(&format!("{INDENT}< {status}  {took}"));
        if !answer.body.is_null() {
            say(&format!("{INDENT}{}", cut(&format!("< {}", compact(&answer.body)))));
        }
    }
}

/// Formats a value on one line, with long strings shortened.
fn compact(value: &Value) -> String {
    fn shorten(value: &mut Value) {
        match value {
            Value::String(text) => *text = beginning(text),
            Value::Array(values) => values.iter_mut().for_each(shorten),
            Value::Object(members) => members.values_mut().for_each(shorten),
            _ => {}
        }
    }
    let mut value = value.clone();
    shorten(&mut value);
    value.to_string()
}

/// Shortens a string that is longer than [`LONGEST_STRING`].
fn beginning(text: &str) -> String {
    match text.chars().count() > LONGEST_STRING {
        true => shortened(text, SHOWN_PART),
        false => text.to_owned(),
    }
}

/// Cuts a line to the width.
fn cut(line: &str) -> String {
    shortened(line, WIDTH - INDENT.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_strings_and_long_lines_are_shortened() {
        let token = "e".repeat(900);
        let short = compact(&json!({ "access_token": token, "expires_in": 1800, "list": [token] }));
        let part = "e".repeat(SHOWN_PART - 1);
        assert_eq!(short, format!(r#"{{"access_token":"{part}…","expires_in":1800,"list":["{part}…"]}}"#));
        assert_eq!(cut(&"ü".repeat(200)).chars().count(), WIDTH - INDENT.len());
        assert_eq!(cut("short"), "short");
    }
}
