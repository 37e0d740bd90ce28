//! Parts of a call of a port as spans of their own, for adapters in which a call first waits and then works.
//!
//! [`traced`](crate::traced) says which calls have parts. Where no request is traced there are none, and asking for one is a
//! look into a thread-local variable.

use std::sync::Arc;

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span as _, SpanBuilder, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};

struct PartsTracer(Arc<BoxedTracer>);

/// The context of a call whose parts become spans of this tracer.
pub(crate) fn with_parts(call: &Context, tracer: &Arc<BoxedTracer>) -> Context {
    call.with_value(PartsTracer(Arc::clone(tracer)))
}

/// Sets an attribute of the span of the call that is being worked on.
pub(crate) fn mark(name: &'static str) {
    Context::map_current(|call| {
        if call.has_active_span() {
            call.span().set_attribute(KeyValue::new(name, true));
        }
    });
}

/// Makes the parts of one call, also on another thread.
pub(crate) struct Parts(Option<(Arc<BoxedTracer>, Context)>);

impl Parts {
    /// The parts of the call that is being worked on.
    pub(crate) fn of_current_call() -> Self {
        Self(Context::map_current(|call| {
            let PartsTracer(tracer) = call.get()?;
            Some((Arc::clone(tracer), call.clone()))
        }))
    }

    /// Begins a part. It ends when it is dropped.
    pub(crate) fn begin(&self, name: &'static str) -> Part {
        let build = |(tracer, call): &(Arc<BoxedTracer>, Context)| {
            tracer.build_with_context(SpanBuilder::from_name(name), call)
        };
        Part(self.0.as_ref().map(build))
    }
}

/// A part that is going on.
pub(crate) struct Part(Option<BoxedSpan>);

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(span) = &mut self.0 {
            span.end();
        }
    }
}
