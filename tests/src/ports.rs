//! Ports for servers that have to know theirs before they start.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system gives to whoever asks for any, and above those that have names.
const PORTS: std::ops::Range<u16> = 10_000..19_900;

/// A port on which nobody listens, and which nobody else gets: neither another test, nor any of the thousands of
/// connections that the tests open at the same time, each of which takes a port too. A server that is stopped finds it
/// free when it starts again.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    // Another run on the same machine begins somewhere else.
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
