//! The JSON log format: one object per line.
//!
//! The service logs a line per request, so the cost of a line is part of the cost of a request. This module replaces
//! the JSON format of the subscriber, which parses the fields of the span and writes them again for each line.

use std::fmt::{self, Debug};

use serde::{Serialize, Serializer as _};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime as _;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::sink::LogSink;

/// The capacity for a line. Most lines are not longer.
const USUAL_LINE_BYTES: usize = 384;

/// Writes each event as an object: time, level, fields, target, and its span.
pub(super) struct JsonLines {
    pub(super) sink: LogSink,
}

/// An object under construction.
trait Members {
    fn member(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>));
}

/// The set fields of a span, with their serialised values.
struct SpanFields(Vec<(&'static str, Vec<u8>)>);

impl Members for SpanFields {
    fn member(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut value = Vec::new();
        write(&mut value);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }
}

/// A line that already contains a member.
struct Line(Vec<u8>);

impl Members for Line {
    fn member(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.push(b',');
        write_value(&mut self.0, name);
        self.0.push(b':');
        write(&mut self.0);
    }
}

/// Writes each field as a member.
struct Fields<'a, M>(&'a mut M);

impl<M: Members> Visit for Fields<'_, M> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.member(field.name(), |out| write_value(out, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.member(field.name(), |out| write_value(out, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.member(field.name(), |out| write_value(out, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.member(field.name(), |out| write_value(out, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.member(field.name(), |out| write_value(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.member(field.name(), |out| write_text(out, format_args!("{value:?}")));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = SpanFields(Vec::new());
        attributes.record(&mut Fields(&mut fields));
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(&mut Fields(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line(Vec::with_capacity(USUAL_LINE_BYTES));
        line.0.extend(b"{\"timestamp\":\"");
        write_now(&mut line.0);
        line.0.push(b'"');
        line.member("level", |out| write_value(out, metadata.level().as_str()));
        event.record(&mut Fields(&mut line));
        line.member("target", |out| write_value(out, metadata.target()));
        if let Some(span) = context.event_span(event) {
            line.member("span", |out| {
                out.push(b'{');
                if let Some(SpanFields(fields)) = span.extensions().get() {
                    for (name, value) in fields {
                        write_value(out, name);
                        out.push(b':');
                        out.extend(value);
                        out.push(b',');
                    }
                }
                out.extend(b"\"name\":");
                write_value(out, span.name());
                out.push(b'}');
            });
        }
        line.0.extend(b"}\n");
        self.sink.send(line.0);
    }
}

/// Writes the current time in UTC (RFC 3339).
fn write_now(line: &mut Vec<u8>) {
    struct Text<'a>(&'a mut Vec<u8>);

    impl fmt::Write for Text<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend(text.as_bytes());
            Ok(())
        }
    }

    // Writing to memory does not fail.
    let _ = tracing_subscriber::fmt::time::SystemTime.format_time(&mut Writer::new(&mut Text(line)));
}

fn write_value(line: &mut Vec<u8>, value: impl Serialize) {
    // Writing a number or a string to memory does not fail.
    let _: Result<(), _> = serde_json::to_writer(line, &value);
}

/// Writes a formatted string without an intermediate copy.
fn write_text(line: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let _: Result<(), _> = serde_json::Serializer::new(line).collect_str(&text);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};
    use tracing::field::{Empty, display};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::test_buffer::TestBuffer;
    use super::*;

    fn lines_of(work: impl FnOnce()) -> Vec<Value> {
        let buffer = TestBuffer::default();
        let sink = LogSink::start(buffer.clone()).unwrap();
        let subscriber = tracing_subscriber::registry().with(JsonLines { sink: sink.clone() });
        tracing::subscriber::with_default(subscriber, work);
        assert!(sink.flush());
        let text = buffer.text();
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    #[test]
    fn a_line_has_what_was_told_as_it_was_told() {
        let lines = lines_of(|| {
            tracing::warn!(
                target: "here",
                text = "\"\n\u{1b}ü",
                shown = %"\\\r",
                list = ?["a"],
                yes = true,
                less = -1,
                more = u64::MAX,
                half = 0.5,
                none = f64::NAN,
                nothing = Empty,
                "it {}", "happened"
            );
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        let time = line["timestamp"].as_str().unwrap();
        assert!(
            time::OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339).is_ok(),
            "{time}"
        );
        let mut rest = line.clone();
        rest.as_object_mut().unwrap().remove("timestamp");
        let expected = json!({
            "level": "WARN",
            "message": "it happened",
            "text": "\"\n\u{1b}ü",
            "shown": "\\\r",
            "list": "[\"a\"]",
            "yes": true,
            "less": -1,
            "more": u64::MAX,
            "half": 0.5,
            "none": null,
            "target": "here",
        });
        assert_eq!(rest, expected);
    }

    #[test]
    fn a_line_has_the_span_it_was_written_in_with_the_last_value_of_each_field() {
        let lines = lines_of(|| {
            let outer = tracing::info_span!("outer", id = "o\"", late = Empty);
            let _entered = outer.enter();
            tracing::info!("before");
            outer.record("late", display(1));
            outer.record("late", display(2));
            tracing::info!("after");
            tracing::info_span!("inner").in_scope(|| tracing::info!("inside"));
        });
        let spans: Vec<&Value> = lines.iter().map(|line| &line["span"]).collect();
        let before = json!({ "id": "o\"", "name": "outer" });
        let after = json!({ "id": "o\"", "late": "2", "name": "outer" });
        assert_eq!(spans, [&before, &after, &json!({ "name": "inner" })]);
        let members: HashSet<&String> = lines[0].as_object().unwrap().keys().collect();
        assert_eq!(members.len(), 5, "{members:?}");
    }
}
