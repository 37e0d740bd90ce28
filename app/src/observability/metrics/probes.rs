use inwren_adapters::crypto::argon2::{Durations, HasherMetrics};
use inwren_domain::store::PoolMetrics;

use super::text::{Kind, Page};
use crate::runtime::server::connections::ConnectionMetrics;

type Probe<T> = Box<dyn Fn() -> T + Send + Sync>;

/// Queries of the current load of adapters. Metrics of absent adapters are omitted, except those of traces, which are
/// zero.
#[derive(Default)]
pub struct Probes {
    /// The password hasher.
    pub hasher: Option<Probe<HasherMetrics>>,
    /// The connections of clients.
    pub connections: Option<Probe<ConnectionMetrics>>,
    /// The connections to the database.
    pub database: Option<Probe<Vec<PoolMetrics>>>,
    /// Batches of traces that the collector accepted, and attempts that failed.
    pub traces: Option<Probe<(u64, u64)>>,
}

impl Probes {
    pub(super) fn write(&self, page: &mut Page) {
        if let Some(hasher) = &self.hasher {
            write_hasher(hasher(), page);
        }
        if let Some(connections) = &self.connections {
            write_connections(connections(), page);
        }
        if let Some(database) = &self.database {
            write_database(&database(), page);
        }
        let (sent, failed) = self.traces.as_ref().map_or((0, 0), |traces| traces());
        let mut exports = page.metric(
            "inwren_trace_exports_total",
            Kind::Counter,
            "Attempts to send a batch of traces to the collector, by result.",
        );
        exports.sample(&[("result", "sent")], sent);
        exports.sample(&[("result", "failed")], failed);
    }
}

fn write_hasher(hasher: HasherMetrics, page: &mut Page) {
    page.metric("inwren_hash_threads", Kind::Gauge, "Threads that hash passwords.")
        .sample(&[], hasher.threads);
    page.metric("inwren_hashes_waiting", Kind::Gauge, "Password hashes that wait for a thread.")
        .sample(&[], hasher.waiting);
    page.metric("inwren_hashes_running", Kind::Gauge, "Password hashes in computation.")
        .sample(&[], hasher.running);
    page.metric("inwren_hashes_computed_total", Kind::Counter, "Computed password hashes.")
        .sample(&[], hasher.computed);
    page.metric(
        "inwren_hashes_refused_total",
        Kind::Counter,
        "Password hashes refused because the hasher was busy.",
    )
    .sample(&[], hasher.refused);
    write_durations(
        "inwren_hash_wait_seconds",
        "Time that password hashes waited for a thread, including those refused after waiting.",
        &hasher.waits,
        page,
    );
    write_durations(
        "inwren_hash_compute_seconds",
        "Time to compute a password hash.",
        &hasher.computations,
        page,
    );
}

fn write_durations(name: &'static str, help: &str, durations: &Durations, page: &mut Page) {
    let mut metric = page.metric(name, Kind::Histogram, help);
    let mut total = 0;
    for (bound, count) in durations.buckets() {
        total += count;
        let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
        metric.part("_bucket", &[("le", &bound)], total);
    }
    metric.part("_sum", &[], durations.sum.as_secs_f64());
    metric.part("_count", &[], total);
}

fn write_connections(connections: ConnectionMetrics, page: &mut Page) {
    page.metric("inwren_connections", Kind::Gauge, "Open client connections.").sample(&[], connections.open);
    page.metric(
        "inwren_connections_max",
        Kind::Gauge,
        "Maximum number of client connections; above three quarters of it, new ones replace others.",
    )
    .sample(&[], connections.max);
    let mut shed = page.metric(
        "inwren_connections_shed_total",
        Kind::Counter,
        "Client connections closed because of the maximum, by state.",
    );
    shed.sample(&[("state", "waiting")], connections.shed_waiting);
    shed.sample(&[("state", "answering")], connections.shed_answering);
    shed.sample(&[("state", "new")], connections.refused);
}

fn write_database(pools: &[PoolMetrics], page: &mut Page) {
    let mut connections = page.metric(
        "inwren_database_connections",
        Kind::Gauge,
        "Open database connections, by pool and state.",
    );
    for pool in pools {
        connections.sample(&[("pool", pool.name), ("state", "in_use")], pool.in_use);
        connections.sample(&[("pool", pool.name), ("state", "idle")], pool.idle);
    }
    let mut most = page.metric(
        "inwren_database_connections_max",
        Kind::Gauge,
        "Maximum number of connections of a pool.",
    );
    for pool in pools {
        most.sample(&[("pool", pool.name)], pool.max);
    }
    let mut waiting = page.metric(
        "inwren_database_waiting",
        Kind::Gauge,
        "Statements and transactions that wait for a connection.",
    );
    for pool in pools {
        waiting.sample(&[("pool", pool.name)], pool.waiting);
    }
}
