//! Ports for servers that need to know their port before they start.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ephemeral ports of the system, and above the ports with well-known names.
const PORTS: std::ops::Range<u16> = 10_000..19_900;

/// A free port that no other test gets, nor any of the thousands of connections that the tests open at the same time.
/// Each of these connections takes an ephemeral port. A server that restarts finds its port still free.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    // Parallel test runs on the same machine start at different ports.
    let first = || AtomicU16::new(u16::try_from(std::process::id() % 9_900).expect("a small number"));
    let next = NEXT.get_or_init(first);
    for _ in PORTS {
        let port = PORTS.start + next.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
