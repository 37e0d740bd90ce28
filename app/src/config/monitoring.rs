//! Settings of logs, metrics and traces.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::source::Source;
use super::value;
use crate::observability::traces::TraceSettings;

/// The address of an additional listener. It must differ from the other addresses.
pub(super) fn listener(
    source: &mut Source,
    setting: &'static str,
    others: &[(&str, Option<SocketAddr>)],
) -> Option<SocketAddr> {
    let wanted: SocketAddr = source.parse(setting, value::socket_address)?;
    for (whose, other) in others {
        let is_same = other.is_some_and(|other| {
            let overlap =
                wanted.ip() == other.ip() || wanted.ip().is_unspecified() || other.ip().is_unspecified();
            wanted.port() == other.port() && wanted.port() != 0 && overlap
        });
        if is_same {
            source.refuse(setting, &format!("must not be the address of {whose}"));
        }
    }
    Some(wanted)
}

/// Reads the trace settings. The outer `None` is an error, the inner `None` exports no traces.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn traces(source: &mut Source) -> Option<Option<TraceSettings>> {
    source.parse("OTEL_EXPORTER_OTLP_PROTOCOL", |text| (text == "http/protobuf").then_some(()))?;
    let wanted = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let endpoint = match wanted.into_iter().find(|name| source.text(name).is_some()) {
        Some(name) => Some(source.parse(name, value::http_address)?),
        None => None,
    };
    let endpoint = match source.text(wanted[0]) {
        Some(_) => endpoint,
        None => endpoint.map(|base| format!("{}/v1/traces", base.trim_end_matches('/'))),
    };
    let headers = match source.text("OTEL_EXPORTER_OTLP_HEADERS") {
        Some(_) => source.parse("OTEL_EXPORTER_OTLP_HEADERS", value::headers)?,
        None => HashMap::new(),
    };
    let service_name = source.parse("OTEL_SERVICE_NAME", value::title)?;
    let share = match source.text("OTEL_TRACES_SAMPLER_ARG") {
        Some(_) => source.parse("OTEL_TRACES_SAMPLER_ARG", value::number(0.0..=1.0))?,
        None => 1.0,
    };
    let (follow_caller, share) = source.parse("OTEL_TRACES_SAMPLER", |text| {
        let (follow_caller, decision) =
            text.strip_prefix("parentbased_").map_or((false, text), |decision| (true, decision));
        match decision {
            "always_on" => Some((follow_caller, 1.0)),
            "always_off" => Some((follow_caller, 0.0)),
            "traceidratio" => Some((follow_caller, share)),
            _ => None,
        }
    })?;
    Some(endpoint.map(|endpoint| TraceSettings { endpoint, headers, service_name, follow_caller, share }))
}

/// Reads the format of the log. Programs read the log of a deployment, people that of a development service.
pub(super) fn log_format(source: &mut Source, production: bool) -> Option<LogFormat> {
    if source.text("LOG_FORMAT").is_none() {
        return Some(if production { LogFormat::Json } else { LogFormat::Pretty });
    }
    source.parse("LOG_FORMAT", |text| match text {
        "pretty" => Some(LogFormat::Pretty),
        "json" => Some(LogFormat::Json),
        _ => None,
    })
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One short line per event, for people.
    Pretty,
    /// One JSON object per line.
    Json,
}
