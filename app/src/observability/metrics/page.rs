use super::process;
use super::text::{Kind, Page};
use crate::config::Operation;
use crate::http::AppState;

/// The whole page in the text format of Prometheus.
pub(super) fn page(state: &AppState) -> String {
    let mut page = Page::default();
    let metrics = &state.metrics;
    page.metric("inwren_build_info", Kind::Gauge, "Always 1; the labels describe the build.")
        .sample(&[("version", env!("CARGO_PKG_VERSION")), ("tokens", crate::wiring::TOKENS)], 1);
    if let Some(requests) = metrics.requests.get() {
        requests.write(&mut page);
    }
    metrics.outcomes.write(&mut page);
    write_limits(state, &mut page);
    write_keys(state, &mut page);
    if let Some(outbox) = &metrics.outbox {
        outbox.write(state.core.clock.now(), &mut page);
    }
    metrics.probes.write(&mut page);
    page.metric(
        "process_start_time_seconds",
        Kind::Gauge,
        "Start time of the process, in seconds since 1970.",
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
        "Decisions of the rate limiter, by operation.",
    );
    for operation in Operation::ALL {
        for (decision, counters) in [("allowed", &decisions.allowed), ("limited", &decisions.limited)] {
            let labels = [("operation", operation.label()), ("decision", decision)];
            metric.sample(&labels, counters.get(*operation));
        }
    }
    page.metric("inwren_rate_limiter_degraded", Kind::Gauge, "1 while the limiter is degraded, else 0.")
        .sample(&[], u8::from(state.limits.is_degraded()));
    let limiter = state.limits.metrics();
    page.metric(
        "inwren_rate_limiter_degradations_total",
        Kind::Counter,
        "How often the limiter became degraded.",
    )
    .sample(&[], limiter.degradations);
    page.metric(
        "inwren_rate_limiter_fallback_decisions_total",
        Kind::Counter,
        "Decisions of this instance alone while Redis did not respond.",
    )
    .sample(&[], limiter.fallback_decisions);
}

fn write_keys(state: &AppState, page: &mut Page) {
    use inwren_domain::token::KeyState;
    let keys = state.core.keys.published(state.core.clock.now());
    let mut metric = page.metric("inwren_signing_keys", Kind::Gauge, "Published signing keys, by state.");
    for (name, wanted) in
        [("pending", KeyState::Pending), ("active", KeyState::Active), ("retired", KeyState::Retired)]
    {
        metric.sample(&[("state", name)], keys.iter().filter(|key| key.state == wanted).count());
    }
}
