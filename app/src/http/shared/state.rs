use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inwren_domain::Core;
use opentelemetry::global::BoxedTracer;
use poem::Request;
use time::Duration;

use super::body::PendingBodies;
use super::client::TrustedProxies;
use super::issuer::Issuer;
use super::limits::Limits;
use super::problem::Problem;
use crate::observability::metrics::Metrics;

/// What every request handler works with.
pub struct AppState {
    /// The use cases' ports and rules.
    pub core: Core,
    /// How often who may do what.
    pub limits: Limits,
    /// How many requests of one network wait for their bodies.
    pub bodies: PendingBodies,
    /// What is counted.
    pub metrics: Metrics,
    /// What makes spans, where traces are exported.
    pub tracer: Option<Arc<BoxedTracer>>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Who issues tokens, and where others find the service.
    pub issuer: Issuer,
    /// How long others may keep what is under `/.well-known`.
    pub jwks_max_age: Duration,
    /// The name in the documents.
    pub project_name: String,
    /// Set once the service is told to stop.
    pub draining: AtomicBool,
}

impl AppState {
    /// The state, as the outermost middleware attached it to the request.
    pub(in crate::http) fn of(request: &Request) -> Result<&Arc<Self>, Problem> {
        request.data::<Arc<Self>>().ok_or_else(|| Problem::internal("a request without the state"))
    }

    /// Lets `/health` say that no more traffic should come.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the service has been told to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
