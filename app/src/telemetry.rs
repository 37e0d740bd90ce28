//! The log: one line for each event, for people or for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;
use crate::log_sink::LogSink;

/// Starts logging to standard output. A log that cannot be written is dropped: the service goes on. The sink is there to
/// be flushed at the end.
pub fn start(format: LogFormat, filter: &str) -> std::io::Result<LogSink> {
    let sink = LogSink::start(std::io::stdout())?;
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_writer(sink.clone())
        .with_env_filter(filter)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).finish().try_init(),
        LogFormat::Pretty => builder.with_ansi(std::io::stdout().is_terminal()).finish().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(sink)
}
