//! Tracing decorators for the ports: they record each call as a child span of the request, for any adapter.
//!
//! They wrap the adapters only if traces are exported, so that otherwise they cost nothing. A span contains the name of
//! the call and its outcome, but none of its arguments. Calls outside a traced request have no span.

mod hasher;
mod limiter;
mod spans;
mod store;
mod tokens;

use std::sync::Arc;

use inwren_domain::Core;
use inwren_domain::limiter::RateLimiter;
use inwren_domain::store::HookedStore;
use opentelemetry::global::BoxedTracer;

use spans::Spans;

/// Wraps the ports, so that each call is a span of this tracer.
pub fn ports(core: Core, tracer: &Arc<BoxedTracer>) -> Core {
    let spans = Spans::new(tracer);
    Core {
        store: Arc::new(HookedStore::new(core.store, spans.clone())),
        hasher: Arc::new(hasher::TracedHasher::new(core.hasher, spans.clone())),
        issuer: Arc::new(tokens::TracedIssuer::new(core.issuer, spans.clone())),
        verifier: Arc::new(tokens::TracedVerifier::new(core.verifier, spans)),
        ..core
    }
}

/// Wraps the limiter, so that each call is a span of this tracer.
pub fn limiter(limiter: Arc<dyn RateLimiter>, tracer: &Arc<BoxedTracer>) -> Arc<dyn RateLimiter> {
    Arc::new(limiter::TracedLimiter::new(limiter, Spans::new(tracer)))
}
