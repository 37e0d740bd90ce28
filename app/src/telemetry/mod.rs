//! The log: one line for each event, for people or for machines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::colour;
use crate::config::LogFormat;
use crate::log_sink::LogSink;

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output, as for a service.
    Stdout,
    /// Standard error, where standard output is for something else.
    Stderr,
}

/// Starts logging. A log that cannot be written is dropped: the service goes on. The sink is there to be flushed at the
/// end.
pub fn start(output: LogOutput, format: LogFormat, filter: &str) -> std::io::Result<LogSink> {
    let (sink, colours) = match output {
        LogOutput::Stdout => (LogSink::start(std::io::stdout())?, colour::wanted(&std::io::stdout())),
        LogOutput::Stderr => (LogSink::start(std::io::stderr())?, colour::wanted(&std::io::stderr())),
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_writer(sink.clone())
        .with_env_filter(filter)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).finish().try_init(),
        LogFormat::Pretty => builder.with_ansi(colours).finish().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(sink)
}
