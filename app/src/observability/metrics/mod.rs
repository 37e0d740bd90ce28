//! Metrics for Prometheus.
//!
//! Counting happens while requests are served, and is an atomic addition. Everything that can be looked up is looked up
//! when the page is requested. Every label has few values, which are fixed at compile time: a label never contains a
//! path, an address, a token or an id of a user. `docs/monitoring.md` describes each metric.

mod counters;
mod endpoint;
mod histogram;
mod outbox;
mod outcomes;
mod page;
mod probes;
mod process;
mod requests;
mod text;

use std::sync::{Arc, OnceLock};

use time::OffsetDateTime;

pub(crate) use counters::{Counters, Label};
pub use endpoint::endpoint;
pub use outbox::OutboxMetrics;
pub(crate) use outcomes::{AccessRefusal, ClientResult, Outcomes, RefreshOutcome};
pub use probes::Probes;
pub(crate) use requests::{CountedOperation, OperationIndex, Requests};

/// The counters of a running service.
pub struct Metrics {
    started_at: OffsetDateTime,
    requests: OnceLock<Arc<Requests>>,
    pub(crate) outcomes: Outcomes,
    /// The letters. `None` if no mail is configured.
    pub outbox: Option<Arc<OutboxMetrics>>,
    /// Values that are looked up when the page is requested.
    pub probes: Probes,
}

impl Metrics {
    /// Metrics without any counts, started at this time.
    pub fn new(started_at: OffsetDateTime) -> Self {
        Self {
            started_at,
            requests: OnceLock::new(),
            outcomes: Outcomes::default(),
            outbox: None,
            probes: Probes::default(),
        }
    }

    /// The request counters. They are created when the operations are known.
    pub(crate) fn requests(&self, operations: impl FnOnce() -> Vec<CountedOperation>) -> Arc<Requests> {
        Arc::clone(self.requests.get_or_init(|| Arc::new(Requests::of(operations()))))
    }
}
