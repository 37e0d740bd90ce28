use std::borrow::Cow;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use poem::http::{HeaderMap, Method, StatusCode};

use super::parent::caller;

/// The trace of a request.
pub(crate) enum RequestTrace {
    /// The caller sent no trace context, and no traces are exported.
    None,
    /// The caller's span, which is only logged.
    Caller(SpanContext),
    /// A span of this service. Its parent is the caller's span, if there is one.
    Span(Context),
}

impl RequestTrace {
    /// Reads the caller's span, and starts a child span if there is a tracer.
    pub(crate) fn begin(
        tracer: Option<&BoxedTracer>,
        headers: &HeaderMap,
        method: &Method,
        route: Option<&str>,
        request_id: &str,
    ) -> Self {
        let caller = caller(headers);
        let Some(tracer) = tracer else { return caller.map_or(Self::None, Self::Caller) };
        let parent = match caller {
            Some(caller) => Context::new().with_remote_span_context(caller),
            None => Context::new(),
        };
        let span = tracer.build_with_context(server_span(method, route, request_id), &parent);
        Self::Span(parent.with_span(span))
    }

    /// The parent of the spans of the request's calls.
    pub(crate) fn context(&self) -> Option<&Context> {
        match self {
            Self::Span(context) => Some(context),
            Self::None | Self::Caller(_) => None,
        }
    }

    /// Adds the ids of the trace and the span to every log line of the request.
    pub(crate) fn write_to(&self, log: &tracing::Span) {
        let write = |span: &SpanContext| {
            log.record("trace_id", tracing::field::display(span.trace_id()));
            log.record("span_id", tracing::field::display(span.span_id()));
        };
        match self {
            Self::None => {}
            Self::Caller(caller) => write(caller),
            Self::Span(context) => write(context.span().span_context()),
        }
    }

    /// Ends the span with the status of the response.
    pub(crate) fn end(&self, status: StatusCode) {
        let Self::Span(context) = self else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        // A rejected client is not an error of the server.
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// A span by the semantic conventions for HTTP servers. It contains neither the path nor the client, because both may
/// be personal data.
fn server_span(method: &Method, route: Option<&str>, request_id: &str) -> SpanBuilder {
    let method = known(method);
    let name: Cow<'static, str> = match route {
        Some(route) => format!("{method} {route}").into(),
        None => method.into(),
    };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("inwren.request_id", request_id.to_owned()),
    ];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
    SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes)
}

/// The method for the name of a span. Clients can invent methods, so unknown ones become `_OTHER`.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
