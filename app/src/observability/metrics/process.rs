//! Process metrics, as Linux reports them. Other systems have none. The names are those of Prometheus' own client
//! libraries.

use std::fs;

use super::text::{Kind, Page};

/// Clock ticks per second in `/proc/self/stat`. Linux fixes this value for user programs.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn write(page: &mut Page) {
    if let Some(seconds) = cpu_seconds() {
        page.metric(
            "process_cpu_seconds_total",
            Kind::Counter,
            "Processor time of the process, user and system, in seconds.",
        )
        .sample(&[], seconds);
    }
    if let Some(bytes) = resident_bytes() {
        page.metric(
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Resident memory of the process, in bytes.",
        )
        .sample(&[], bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The count includes the descriptor of this listing.
        let open = open.count().saturating_sub(1);
        page.metric("process_open_fds", Kind::Gauge, "Open file descriptors.").sample(&[], open);
    }
    if let Some(most) = max_fds() {
        page.metric("process_max_fds", Kind::Gauge, "Maximum number of open file descriptors.")
            .sample(&[], most);
    }
    if let Some(threads) = status("Threads:") {
        page.metric("process_threads", Kind::Gauge, "Threads of the process.").sample(&[], threads);
    }
}

#[allow(clippy::cast_precision_loss, reason = "a process of a million years is far enough")]
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may contain any character, and ends with the last parenthesis. The third field follows.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(user.saturating_add(system) as f64 / TICKS_PER_SECOND)
}

fn resident_bytes() -> Option<u64> {
    Some(status("VmRSS:")?.saturating_mul(1024))
}

fn max_fds() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Reads a number from `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
