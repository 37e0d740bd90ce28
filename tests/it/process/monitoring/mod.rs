//! Monitoring of a running service: metrics, traces and log lines that carry the trace ids.

mod collector;
mod exposition;
mod health;
mod listener;
mod log_lines;
mod metrics;
mod names;
mod overload;
mod secrets;
mod traces;

use std::net::SocketAddr;

use inwren_tests::process::{Call, Connection, Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::client;
use crate::process::support::database::Storage;
use exposition::Exposition;

/// A service with metrics on any free port.
fn program(folder: &TempFolder, storage: &Storage) -> Program {
    Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("METRICS_ADDR", "127.0.0.1:0")
        // The longest grace period, because a request may come late on a busy machine.
        .env("REFRESH_REUSE_GRACE_SECONDS", "300")
}

/// The address of the metrics listener, from the log.
pub(crate) fn metrics_address(service: &Service) -> SocketAddr {
    service.wait_for("metrics: http://");
    let log = service.log();
    let (_, rest) = log.split_once("metrics: http://").expect("a line with the address");
    let (address, _) = rest.split_once("/metrics").expect("a path");
    address.parse().expect("an address")
}

/// Fetches the current metrics.
fn scrape(service: &Service) -> Exposition {
    let mut connection = Connection::open(metrics_address(service)).expect("a connection");
    let answer = connection.call(&Call::get("/metrics")).expect("an answer").expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Exposition::read(&answer.body)
}
