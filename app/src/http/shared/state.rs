use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inwren_domain::Core;
use opentelemetry::global::BoxedTracer;
use poem::Request;
use time::Duration;

use super::body::PendingBodies;
use super::client::TrustedProxies;
use super::client_origins::ClientOrigins;
use super::issuer::Issuer;
use super::limits::Limits;
use super::problem::Problem;
use crate::config::Environment;
use crate::letters::{PageTexts, RecentLetters};
use crate::observability::metrics::Metrics;

/// The state that all request handlers share.
pub struct AppState {
    /// The ports and rules of the use cases.
    pub core: Core,
    /// The rate limits per operation.
    pub limits: Limits,
    /// The number of requests per network that wait for their bodies.
    pub bodies: PendingBodies,
    /// The origins of the applications of clients.
    pub client_origins: ClientOrigins,
    /// The metrics of the service.
    pub metrics: Metrics,
    /// Creates spans, if traces are exported.
    pub tracer: Option<Arc<BoxedTracer>>,
    /// The proxies whose forwarding headers are trusted.
    pub trusted_proxies: TrustedProxies,
    /// The issuer of the tokens, and the address of the service.
    pub issuer: Issuer,
    /// How long clients may cache the documents under `/.well-known`.
    pub jwks_max_age: Duration,
    /// The kind of deployment. In development, the page at `/` has a registration form.
    pub environment: Environment,
    /// The name of the service, as documents and pages show it.
    pub project_name: String,
    /// The template and the texts of the pages to which letters link.
    pub page_texts: PageTexts,
    /// The letters that this process sent last. Only in development, for the page that shows them.
    pub recent_letters: Option<Arc<RecentLetters>>,
    /// Whether the users and clients of an ephemeral service exist, and the page that lists them.
    pub is_ephemeral: bool,
    /// Whether the log shows the path of a request, and not only its route. Paths may contain what clients put there by
    /// mistake, so only a developer's log does.
    pub logs_paths: bool,
    /// Set when shutdown begins.
    pub draining: AtomicBool,
}

impl AppState {
    /// Returns the state that the outermost middleware attached to the request.
    pub(in crate::http) fn of(request: &Request) -> Result<&Arc<Self>, Problem> {
        request.data::<Arc<Self>>().ok_or_else(|| Problem::internal("the request has no application state"))
    }

    /// Makes `/health` report that the service stops and accepts no more traffic.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Returns whether shutdown has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
