//! Child spans for the parts of a port call, for adapters in which a call first waits and then works.
//!
//! [`traced`](crate::traced) selects the calls that have parts. Without a traced request there are none, and the check
//! costs one read of a thread-local variable.

use std::sync::Arc;

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span as _, SpanBuilder, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};

struct PartsTracer(Arc<BoxedTracer>);

/// Returns a context in which the parts of a call become spans of this tracer.
pub(crate) fn with_parts(call: &Context, tracer: &Arc<BoxedTracer>) -> Context {
    call.with_value(PartsTracer(Arc::clone(tracer)))
}

/// Sets an attribute on the span of the current call.
pub(crate) fn mark(name: &'static str) {
    Context::map_current(|call| {
        if call.has_active_span() {
            call.span().set_attribute(KeyValue::new(name, true));
        }
    });
}

/// Creates the spans of the parts of one call, on any thread.
pub(crate) struct Parts(Option<(Arc<BoxedTracer>, Context)>);

impl Parts {
    /// Returns the parts of the current call.
    pub(crate) fn of_current_call() -> Self {
        Self(Context::map_current(|call| {
            let PartsTracer(tracer) = call.get()?;
            Some((Arc::clone(tracer), call.clone()))
        }))
    }

    /// Starts a part. Dropping the returned value ends it.
    pub(crate) fn begin(&self, name: &'static str) -> Part {
        let build = |(tracer, call): &(Arc<BoxedTracer>, Context)| {
            tracer.build_with_context(SpanBuilder::from_name(name), call)
        };
        Part(self.0.as_ref().map(build))
    }
}

/// A running part.
pub(crate) struct Part(Option<BoxedSpan>);

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(span) = &mut self.0 {
            span.end();
        }
    }
}
