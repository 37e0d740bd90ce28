//! What the service counts, and how Prometheus gets it.
//!
//! Counting happens in the path of requests and is an atomic addition; everything that can be looked up is looked up when
//! somebody asks. Every label has few values, which are known when the program is built: no path, address, token or id of
//! anybody is ever one. What each metric means is in `docs/monitoring.md`.

mod counters;
mod endpoint;
mod histogram;
mod outcomes;
mod probes;
mod process;
mod requests;
mod text;

use std::sync::{Arc, OnceLock};

use time::OffsetDateTime;

use crate::http::AppState;
use crate::http::limits::Operation;
pub(crate) use counters::{Counters, Label};
pub use endpoint::endpoint;
pub(crate) use outcomes::{AccessRefusal, ClientResult, Outcomes, RefreshOutcome};
pub use probes::Probes;
pub(crate) use requests::{CountedOperation, OperationIndex, Requests};
use text::{Kind, Page};

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

/// Everything, as Prometheus reads it.
fn page(state: &AppState) -> String {
    let mut page = Page::default();
    let metrics = &state.metrics;
    page.metric("inwren_build_info", Kind::Gauge, "Always 1; the labels tell which build this is.")
        .sample(&[("version", env!("CARGO_PKG_VERSION")), ("tokens", crate::wiring::TOKENS)], 1);
    if let Some(requests) = metrics.requests.get() {
        requests.write(&mut page);
    }
    metrics.outcomes.write(&mut page);
    write_limits(state, &mut page);
    write_keys(state, &mut page);
    metrics.probes.write(&mut page);
    page.metric(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the service was started, in seconds since 1970.",
    )
    .sample(&[], metrics.started_at.unix_timestamp());
    process::write(&mut page);
    page.into_text()
}

fn write_limits(state: &AppState, page: &mut Page) {
    let decisions = state.limits.decisions();
    let mut metric = page.metric(
        "inwren_rate_limit_decisions_total",
        Kind::Counter,
        "What the limiter said, by what is limited.",
    );
    for operation in Operation::ALL {
        for (decision, counters) in [("allowed", &decisions.allowed), ("limited", &decisions.limited)] {
            let labels = [("operation", operation.label()), ("decision", decision)];
            metric.sample(&labels, counters.get(*operation));
        }
    }
    page.metric(
        "inwren_rate_limiter_degraded",
        Kind::Gauge,
        "1 while the limiter works with less than was configured, else 0.",
    )
    .sample(&[], u8::from(state.limits.is_degraded()));
    let limiter = state.limits.metrics();
    page.metric(
        "inwren_rate_limiter_degradations_total",
        Kind::Counter,
        "How often the limiter had to begin to work with less than was configured.",
    )
    .sample(&[], limiter.degradations);
    page.metric(
        "inwren_rate_limiter_fallback_decisions_total",
        Kind::Counter,
        "What this instance decided by itself because Redis did not answer.",
    )
    .sample(&[], limiter.fallback_decisions);
}

fn write_keys(state: &AppState, page: &mut Page) {
    use inwren_domain::ports::KeyState;
    let keys = state.core.keys.published(state.core.clock.now());
    let mut metric = page.metric("inwren_signing_keys", Kind::Gauge, "Published keys, by what they do.");
    for (name, wanted) in
        [("pending", KeyState::Pending), ("active", KeyState::Active), ("retired", KeyState::Retired)]
    {
        metric.sample(&[("state", name)], keys.iter().filter(|key| key.state == wanted).count());
    }
}
