//! Health checks on a separate listener.

use std::net::SocketAddr;
use std::time::Instant;

use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Connection, Program, Service, until};
use inwren_tests::stores::TempFolder;

use crate::process::support::times::{HEADER_TIMEOUT, one_of_three_within};

fn program(folder: &TempFolder) -> Program {
    Program::new(folder.path()).env("DATABASE_URL", "memory:").env("HEALTH_ADDR", "127.0.0.1:0")
}

/// The address of the health listener, from the log.
fn health_address(service: &Service) -> SocketAddr {
    service.wait_for("health: http://");
    let log = service.log();
    let (_, rest) = log.split_once("health: http://").expect("a line with the address");
    let (address, _) = rest.split_once("/health").expect("a path");
    address.parse().expect("an address")
}

#[test]
fn health_listener_answers_health_and_nothing_else() {
    let folder = TempFolder::new();
    let service = program(&folder).start();
    let address = health_address(&service);
    assert_ne!(address, service.address());
    let ask = |call: &Call| Connection::open(address).unwrap().call(call).unwrap();
    for path in ["/health", "/health/live"] {
        let answer = ask(&Call::get(path)).expect(200);
        assert_eq!(answer.body, service.call(&Call::get(path)).expect(200).body);
        assert!(answer.header("x-request-id").is_some());
        ask(&Call::new("POST", path)).expect(405);
    }
    for path in ["/", "/metrics", "/users/me", "/auth/login", "/health/", "/openapi.json", "//health"] {
        assert_eq!(ask(&Call::get(path)).expect(404).body, "", "{path}");
    }
}

#[test]
fn health_listener_answers_before_the_database_does() {
    let folder = TempFolder::new();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let closed = format!("postgres://inwren@127.0.0.1:{}/inwren", free_port());
    let waiting = program(&folder)
        .env("HEALTH_ADDR", address.to_string())
        .env("DATABASE_URL", closed)
        .env("DATABASE_CONNECT_TIMEOUT", "3600")
        .spawn();
    waiting.wait_for("health: http://");
    let ask = |path: &str| Connection::open(address).unwrap().call(&Call::get(path)).unwrap();
    ask("/health/live").expect(200);
    assert_eq!(ask("/health").expect(503).text("status"), "unavailable");
    ask("/users/me").expect(404);
}

#[test]
fn health_listener_reports_a_shutdown() {
    let folder = TempFolder::new();
    let service =
        program(&folder).env("SHUTDOWN_NOTICE_SECONDS", "60").env("SHUTDOWN_GRACE_SECONDS", "120").start();
    let address = health_address(&service);
    let status = || Connection::open(address).unwrap().call(&Call::get("/health")).unwrap();
    assert_eq!(status().expect(200).text("status"), "ok");
    service.signal("TERM");
    until("stopping", || status().status == 503);
    assert_eq!(status().text("status"), "stopping");
    Connection::open(address).unwrap().call(&Call::get("/health/live")).unwrap().expect(200);
}

#[test]
fn idle_connections_do_not_block_a_health_check() {
    let folder = TempFolder::new();
    let service = program(&folder).start();
    let address = health_address(&service);
    // Less than the time after which the listener closes an idle connection.
    one_of_three_within(HEADER_TIMEOUT / 4, "a health check beside 40 idle connections", || {
        let _idle: Vec<Connection> = (0..40).map(|_| Connection::open(address).unwrap()).collect();
        let begun = Instant::now();
        Connection::open(address).unwrap().call(&Call::get("/health/live")).unwrap().expect(200);
        begun.elapsed()
    });
}

#[test]
fn health_listener_shares_no_address() {
    let folder = TempFolder::new();
    let program = program(&folder).env("HOST", "0.0.0.0").env("PORT", "18000");
    let text = program.clone().env("HEALTH_ADDR", "127.0.0.1:18000").run().with_code(2);
    assert!(text.contains("HEALTH_ADDR") && text.contains("address of the service"), "{text}");
    let both = program.env("HEALTH_ADDR", "127.0.0.1:18001").env("METRICS_ADDR", "127.0.0.1:18001");
    let text = both.run().with_code(2);
    assert!(text.contains("HEALTH_ADDR") && text.contains("METRICS_ADDR"), "{text}");
}
