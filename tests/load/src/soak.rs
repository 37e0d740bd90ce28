//! Whether memory grows with what was done.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::drive::{Plan, drive};
use crate::paths::{Refreshes, people};
use crate::service::Service;
use crate::statistics::trend;

/// What was seen.
pub struct Soak {
    /// How many refreshes were done, those of the warm-up too.
    pub refreshes: u64,
    /// Refreshes that were not answered by 200.
    pub refused: u64,
    /// The memory at the beginning and at the end of what was counted, on the line that lies closest to all that was seen
    /// meanwhile, in bytes.
    pub resident: [f64; 2],
}

/// The part of the time in which memory may still settle.
const WARM_UP: f64 = 0.2;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Refreshes as fast as it goes for so long, and looks at the memory all the while. All looks are written to the file.
pub fn soak(service: &Service, connections: usize, time: Duration, looks: &Path) -> Soak {
    let clients: Vec<Refreshes> =
        people(service, "soak", connections).into_iter().map(Refreshes::from).collect();
    let warm_up = time.mul_f64(WARM_UP);
    // Every answer counts; the warm-up is that of the memory.
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
        // Writing to a string does not fail.
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
