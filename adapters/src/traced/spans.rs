use std::future::Future;
use std::sync::Arc;

use inwren_domain::credential::HasherError;
use inwren_domain::kernel::StoreError;
use inwren_domain::token::SigningError;
use opentelemetry::Context;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    FutureExt as _, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _,
};

use crate::parts::with_parts;

/// Creates child spans of the current span.
#[derive(Clone)]
pub(super) struct Spans(Arc<BoxedTracer>);

/// Converts an error into a constant word, because its message may contain data of a database or a person.
pub(super) trait InAWord {
    fn word(&self) -> &'static str;
}

impl InAWord for StoreError {
    fn word(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Busy(_) => "busy",
            Self::Inconsistent { .. } => "inconsistent",
        }
    }
}

impl InAWord for HasherError {
    fn word(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Unusable(_) => "unusable hash",
            Self::Failed(_) => "failed",
        }
    }
}

impl InAWord for SigningError {
    fn word(&self) -> &'static str {
        "not signed"
    }
}

impl Spans {
    pub(super) fn new(tracer: &Arc<BoxedTracer>) -> Self {
        Self(Arc::clone(tracer))
    }

    /// Runs a call in its own span.
    pub(super) async fn around<T, E: InAWord>(
        &self,
        name: &'static str,
        kind: SpanKind,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(span) = self.begin(name, kind) else { return call.await };
        let context = with_parts(&Context::current_with_span(span), &self.0);
        let result = call.with_context(context.clone()).await;
        if let Err(error) = &result {
            context.span().set_status(Status::error(error.word()));
        }
        context.span().end();
        result
    }

    /// Runs a synchronous call in its own span.
    pub(super) fn around_sync<T, E>(
        &self,
        name: &'static str,
        word: impl FnOnce(&E) -> Option<&'static str>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(mut span) = self.begin(name, SpanKind::Internal) else { return call() };
        let result = call();
        if let Some(word) = result.as_ref().err().and_then(word) {
            span.set_status(Status::error(word));
        }
        span.end();
        result
    }

    /// Creates a child span, if there is a current span and it is recorded.
    fn begin(&self, name: &'static str, kind: SpanKind) -> Option<BoxedSpan> {
        let traced =
            Context::map_current(|context| context.has_active_span() && context.span().is_recording());
        traced.then(|| self.0.build(SpanBuilder::from_name(name).with_kind(kind)))
    }
}
