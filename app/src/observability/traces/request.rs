use std::borrow::Cow;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use poem::http::{HeaderMap, Method, StatusCode};

use super::parent::caller;

/// The trace that a request belongs to, if it belongs to one.
pub(crate) enum RequestTrace {
    /// Nobody asks for one.
    None,
    /// The caller's, which is only written down.
    Caller(SpanContext),
    /// A span of our own, below the caller's if there is one.
    Span(Context),
}

impl RequestTrace {
    /// Finds the caller's span, and begins one below it where there is a tracer.
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

    /// What the calls of the request are to be below.
    pub(crate) fn context(&self) -> Option<&Context> {
        match self {
            Self::Span(context) => Some(context),
            Self::None | Self::Caller(_) => None,
        }
    }

    /// Lets every log line of the request say which trace it belongs to.
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

    /// Ends the span with what was answered.
    pub(crate) fn end(&self, status: StatusCode) {
        let Self::Span(context) = self else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        // That a client was refused is no failure of ours.
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// By the semantic conventions for HTTP servers. Neither the path nor the client is told: they may be of a person.
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

/// A method that anybody may have made up is no name for a span.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
