//! The log: one line per event, short for people or JSON for programs.

mod json;
mod short;
mod sink;
#[cfg(test)]
mod test_buffer;

pub use sink::LogSink;

use std::io::Write;

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use self::json::JsonLines;
use self::short::ShortLines;
use crate::config::LogFormat;
use crate::runtime::colour;

/// The destination of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output, for a service.
    Stdout,
    /// Standard error, if standard output has another purpose.
    Stderr,
}

/// Starts logging. If the log cannot be written, its lines are dropped and the service continues. Flush the returned
/// sink before the process ends.
///
/// The short format begins with the banner, so it holds earlier lines back. In JSON the banner is a line like others.
pub fn start(output: LogOutput, format: LogFormat, filter: &str) -> std::io::Result<LogSink> {
    let (sink, colours) = match output {
        LogOutput::Stdout => (sink(format, std::io::stdout())?, colour::wanted(&std::io::stdout())),
        LogOutput::Stderr => (sink(format, std::io::stderr())?, colour::wanted(&std::io::stderr())),
    };
    // Only a filter with conditions on spans needs `EnvFilter`, which checks each span on every enter, several times
    // per request.
    let targets = if filter.contains('[') { None } else { filter.parse::<Targets>().ok() };
    let started = if let Some(targets) = targets {
        let registry = tracing_subscriber::registry().with(targets);
        registry.with(lines(format, sink.clone(), colours)).try_init()
    } else {
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let registry = tracing_subscriber::registry().with(filter);
        registry.with(lines(format, sink.clone(), colours)).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(sink)
}

fn sink(format: LogFormat, output: impl Write + Send + 'static) -> std::io::Result<LogSink> {
    match format {
        LogFormat::Json => LogSink::start(output),
        LogFormat::Pretty => LogSink::start_for_banner(output),
    }
}

fn lines<S>(format: LogFormat, sink: LogSink, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Json => JsonLines { sink }.boxed(),
        LogFormat::Pretty => ShortLines { sink, colours }.boxed(),
    }
}
