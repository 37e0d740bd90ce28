//! The short log format, for people at a terminal: `11:34:07 GET /users/me 200 0.3 ms`.

use std::fmt::{self, Debug, Write as _};

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::sink::LogSink;
use crate::runtime::colour::{ERROR, LABEL, STRONG, WARNING};

/// The capacity for a line. Most lines are not longer.
const USUAL_LINE_BYTES: usize = 128;
/// The target of the event that ends each request.
const REQUEST: &str = "inwren::request";
const SUCCESS: Style = AnsiColor::Green.on_default();
const REDIRECT: Style = AnsiColor::Cyan.on_default();

/// Writes each event as a line: the time of day in UTC, the level unless it is INFO, the message and the fields. A
/// request has its method, path, status and duration instead, and its id if it failed.
pub(super) struct ShortLines {
    pub(super) sink: LogSink,
    pub(super) colours: bool,
}

/// The `request_id` of a span, as its lines show it.
struct RequestId(String);

/// The fields of the event that ends a request. It ignores those that only the JSON format shows.
#[derive(Default)]
struct Request {
    method: String,
    route: String,
    path: Option<String>,
    status: u64,
    duration_ms: f64,
}

impl Visit for Request {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "duration_ms" {
            self.duration_ms = value;
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "route" => value.clone_into(&mut self.route),
            "path" => self.path = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "method" {
            self.method = format!("{value:?}");
        }
    }
}

/// The message and the fields of any other event.
struct Fields {
    message: String,
    rest: String,
    colours: bool,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.record_debug(field, &format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
            return;
        }
        self.rest.push(' ');
        styled(&mut self.rest, self.colours, LABEL, &format!("{}=", field.name()));
        let value = format!("{value:?}");
        match value.contains(' ') && !value.starts_with(['"', '[', '{']) {
            true => self.rest += &format!("{value:?}"),
            false => plain(&mut self.rest, &value),
        }
    }
}

/// Finds the `request_id` of a new span.
struct FindId(Option<String>);

impl Visit for FindId {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "request_id" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ShortLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = FindId(None);
        attributes.record(&mut found);
        if let (Some(span), FindId(Some(id))) = (context.span(id), found) {
            span.extensions_mut().insert(RequestId(id));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = String::with_capacity(USUAL_LINE_BYTES);
        styled(&mut line, self.colours, LABEL, &time_of_day());
        line.push(' ');
        let show_id = match event.metadata().target() == REQUEST {
            true => self.write_request(&mut line, event),
            false => self.write_event(&mut line, event),
        };
        let spans = context.event_scope(event).into_iter().flatten();
        for span in spans.filter(|_| show_id) {
            if let Some(RequestId(id)) = span.extensions().get() {
                line.push(' ');
                styled(&mut line, self.colours, LABEL, "request_id=");
                plain(&mut line, id);
            }
        }
        line.push('\n');
        self.sink.send(line.into_bytes());
    }
}

impl ShortLines {
    /// Writes the request. Returns whether the line shall have its id: only a failed request is looked up by it.
    fn write_request(&self, line: &mut String, event: &Event<'_>) -> bool {
        let mut request = Request::default();
        event.record(&mut request);
        let Request { method, route, path, status, duration_ms } = request;
        styled(line, self.colours, STRONG, &method);
        line.push(' ');
        plain(line, path.as_deref().unwrap_or(&route));
        line.push(' ');
        let style = match status {
            0..300 => SUCCESS,
            300..400 => REDIRECT,
            400..500 => WARNING,
            _ => ERROR,
        };
        styled(line, self.colours, style, &status.to_string());
        line.push(' ');
        styled(line, self.colours, LABEL, &format!("{duration_ms:.1} ms"));
        status >= 400
    }

    /// Writes any other event. Always returns `true`, because few requests cause one, and most of those fail.
    fn write_event(&self, line: &mut String, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        let level = *metadata.level();
        if level != Level::INFO {
            let style = match level {
                Level::ERROR => ERROR,
                Level::WARN => WARNING,
                _ => LABEL,
            };
            styled(line, self.colours, style, level.as_str());
            line.push(' ');
        }
        // The target tells lines of libraries apart, and helps to filter detailed logs.
        if level > Level::INFO || !metadata.target().starts_with("inwren") {
            styled(line, self.colours, LABEL, metadata.target());
            line.push_str(": ");
        }
        let mut fields = Fields { message: String::new(), rest: String::new(), colours: self.colours };
        event.record(&mut fields);
        plain(line, &fields.message);
        line.push_str(&fields.rest);
        true
    }
}

/// The time of day in UTC, without fractions of a second.
fn time_of_day() -> String {
    let mut now = String::new();
    // Writing to memory does not fail. The text is in RFC 3339: `2026-11-25T11:34:07.000000Z`.
    let _: fmt::Result = SystemTime.format_time(&mut Writer::new(&mut now));
    now.get(11..19).unwrap_or_default().to_owned()
}

/// Appends a text, so that nothing in it can start another line or control the terminal.
fn plain(line: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            // Bidirectional controls could change the visible order of a line.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                line.extend(character.escape_unicode());
            }
            control if control.is_control() => line.extend(control.escape_default()),
            other => line.push(other),
        }
    }
}

fn styled(line: &mut String, colours: bool, style: Style, text: &str) {
    if colours {
        // Writing to a string does not fail.
        let _: fmt::Result = write!(line, "{style}");
        plain(line, text);
        let _: fmt::Result = write!(line, "{style:#}");
    } else {
        plain(line, text);
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::test_buffer::TestBuffer;
    use super::*;

    /// The lines that are written during some work, each without its time.
    fn lines_of(colours: bool, work: impl FnOnce()) -> Vec<String> {
        let buffer = TestBuffer::default();
        let sink = LogSink::start(buffer.clone()).unwrap();
        let lines = ShortLines { sink: sink.clone(), colours };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
        assert!(sink.flush());
        let text = buffer.text();
        text.lines().map(|line| line.split_once(' ').expect(line).1.to_owned()).collect()
    }

    fn request(path: Option<&str>, status: u16) {
        let span = tracing::error_span!("request", request_id = %"0199");
        span.in_scope(|| {
            tracing::info!(
                target: REQUEST,
                method = %"GET",
                route = "/users/{id}",
                path,
                status,
                duration_ms = 0.31,
                client = %"203.0.113.9",
            );
        });
    }

    #[test]
    fn a_request_is_one_short_line() {
        let lines = lines_of(false, || {
            request(Some("/users/1"), 200);
            request(None, 404);
            request(Some("/\u{9b}31m\u{202e}"), 500);
        });
        assert_eq!(
            lines,
            [
                "GET /users/1 200 0.3 ms",
                "GET /users/{id} 404 0.3 ms request_id=0199",
                "GET /\\u{9b}31m\\u{202e} 500 0.3 ms request_id=0199",
            ]
        );
    }

    #[test]
    fn an_event_shows_its_level_unless_it_is_info() {
        let lines = lines_of(false, || {
            tracing::info!(target: "inwren_app::keys", count = 2, path = "a b", "loaded");
            tracing::warn!(target: "inwren_app", reason = %"two words", list = ?["x y"], "it {}", "happened");
            tracing::warn!(target: "sqlx::query", "slow\n\u{1b}[31m");
            tracing::debug!(target: "inwren_app", "detail");
        });
        assert_eq!(
            lines,
            [
                "loaded count=2 path=\"a b\"",
                "WARN it happened reason=\"two words\" list=[\"x y\"]",
                "WARN sqlx::query: slow\\n\\u{1b}[31m",
                "DEBUG inwren_app: detail",
            ]
        );
    }

    #[test]
    fn events_within_a_request_show_its_id() {
        let lines = lines_of(false, || {
            let span = tracing::error_span!("request", request_id = %"0199", user_id = tracing::field::Empty);
            span.in_scope(|| {
                tracing::info!(target: "inwren_app", "refused");
                tracing::info_span!("inner").in_scope(|| tracing::info!(target: "inwren_app", "inside"));
            });
            tracing::info!(target: "inwren_app", "outside");
        });
        assert_eq!(lines, ["refused request_id=0199", "inside request_id=0199", "outside"]);
    }

    #[test]
    fn colours_show_the_status() {
        let lines = lines_of(true, || {
            request(Some("/a"), 200);
            request(Some("/a"), 404);
            request(Some("/a"), 503);
        });
        for (line, colour) in lines.iter().zip(["\u{1b}[32m200", "\u{1b}[33m404", "\u{1b}[31m503"]) {
            assert!(line.contains(colour), "{line:?}");
        }
    }

    #[test]
    fn the_time_of_day_has_eight_characters() {
        let time = time_of_day();
        let is_time = |(place, character): (usize, char)| match place {
            2 | 5 => character == ':',
            _ => character.is_ascii_digit(),
        };
        assert!(time.len() == 8 && time.chars().enumerate().all(is_time), "{time}");
    }
}
