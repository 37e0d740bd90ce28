//! Tests whether memory grows with the number of requests.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::drive::{Plan, drive};
use crate::paths::{Refreshes, people};
use crate::service::Service;
use crate::statistics::trend;

/// The results of a soak.
pub struct Soak {
    /// The number of refreshes, including those of the warm-up.
    pub refreshes: u64,
    /// The number of refreshes with a status other than 200.
    pub refused: u64,
    /// The resident memory in bytes at the start and at the end of the measured time, on the line of best fit through
    /// all samples of that time.
    pub resident: [f64; 2],
}

/// The share of the time in which memory may still settle.
const WARM_UP: f64 = 0.2;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Refreshes at full speed for this duration and samples the memory meanwhile. Writes all samples to the file.
pub fn soak(service: &Service, connections: usize, time: Duration, looks: &Path) -> Soak {
    let clients: Vec<Refreshes> =
        people(service, "soak", connections).into_iter().map(Refreshes::from).collect();
    let warm_up = time.mul_f64(WARM_UP);
    // All responses count: only the memory has a warm-up.
    let plan = Plan { warm_up: Duration::ZERO, measured: time, pace: Duration::ZERO };
    let over = AtomicBool::new(false);
    let (seen, resident) = thread::scope(|scope| {
        let watching = scope.spawn(|| watch(service, &over));
        let seen = drive(service.address, plan, clients);
        over.store(true, Ordering::Relaxed);
        (seen, watching.join().expect("a watch"))
    });
    let mut lines = "seconds,resident_bytes\n".to_owned();
    for (seconds, bytes) in &resident {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{seconds:.1},{bytes:.0}");
    }
    std::fs::write(looks, lines).expect("a file");
    let counted: Vec<(f64, f64)> =
        resident.into_iter().filter(|(seconds, _)| *seconds >= warm_up.as_secs_f64()).collect();
    let (begins, rise) = trend(&counted);
    let at = |look: Option<&(f64, f64)>| begins + rise * look.map_or(0.0, |(seconds, _)| *seconds);
    Soak {
        refreshes: seen.statuses.get(&200).copied().unwrap_or(0),
        refused: seen.others(200),
        resident: [at(counted.first()), at(counted.last())],
    }
}

#[allow(clippy::disallowed_methods, reason = "a thread that looks from time to time has nothing else to do")]
fn watch(service: &Service, over: &AtomicBool) -> Vec<(f64, f64)> {
    let begun = Instant::now();
    let mut looks = Vec::new();
    while !over.load(Ordering::Relaxed) {
        looks.push((begun.elapsed().as_secs_f64(), service.resident() as f64));
        thread::sleep(BETWEEN_LOOKS);
    }
    looks
}
