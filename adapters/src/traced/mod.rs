//! Ports that tell how long each call takes: a span below that of the request, whatever adapter is behind the port.
//!
//! They are put around the adapters only where traces are exported, so that elsewhere they cost nothing. A span has the name
//! of the call and how it ended, and nothing of its arguments. Without a request that is being traced there is none.

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

/// The same ports, each call a span of this tracer.
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

/// The same limiter, each call a span of this tracer.
pub fn limiter(limiter: Arc<dyn RateLimiter>, tracer: &Arc<BoxedTracer>) -> Arc<dyn RateLimiter> {
    Arc::new(limiter::TracedLimiter::new(limiter, Spans::new(tracer)))
}
