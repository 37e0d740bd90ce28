//! What the service counts, and how Prometheus gets it.
//!
//! Counting happens in the path of requests and is an atomic addition; everything that can be looked up is looked up when
//! somebody asks. Every label has few values, which are known when the program is built: no path, address, token or id of
//! anybody is ever one. What each metric means is in `docs/monitoring.md`.

mod counters;
mod endpoint;
mod histogram;
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
pub(crate) use outcomes::{AccessRefusal, ClientResult, Outcomes, RefreshOutcome};
pub use probes::Probes;
pub(crate) use requests::{CountedOperation, OperationIndex, Requests};

/// What is counted while the service runs.
pub struct Metrics {
    started_at: OffsetDateTime,
    requests: OnceLock<Arc<Requests>>,
    pub(crate) outcomes: Outcomes,
    /// What is looked up when somebody asks.
    pub probes: Probes,
}

impl Metrics {
    /// Nothing counted yet, since this time.
    pub fn new(started_at: OffsetDateTime) -> Self {
        Self {
            started_at,
            requests: OnceLock::new(),
            outcomes: Outcomes::default(),
            probes: Probes::default(),
        }
    }

    /// Where requests are counted, once their operations are known.
    pub(crate) fn requests(&self, operations: impl FnOnce() -> Vec<CountedOperation>) -> Arc<Requests> {
        Arc::clone(self.requests.get_or_init(|| Arc::new(Requests::of(operations()))))
    }
}
