//! Metrics have a listener of their own, and no other address serves them.

use inwren_tests::process::{Call, Connection, Program};
use inwren_tests::stores::TempFolder;

use super::metrics_address;
use crate::process::support::times::{HEADER_TIMEOUT, one_of_three_within};

fn program(folder: &TempFolder) -> Program {
    Program::new(folder.path()).env("DATABASE_URL", "memory:")
}

#[test]
fn there_are_none_unless_they_are_wanted() {
    let folder = TempFolder::new();
    let service = program(&folder).start();
    service.call(&Call::get("/metrics")).expect(404);
    // Only the log line of the request contains the word.
    assert_eq!(service.stop().matches("metrics").count(), 1);
}

#[test]
fn the_listener_answers_one_question_and_the_service_none() {
    let folder = TempFolder::new();
    let service = program(&folder).env("METRICS_ADDR", "127.0.0.1:0").start();
    let address = metrics_address(&service);
    assert_ne!(address, service.address());
    let ask = |call: &Call| Connection::open(address).unwrap().call(call).unwrap();
    assert!(ask(&Call::get("/metrics")).expect(200).body.contains("inwren_build_info"));
    ask(&Call::get("/metrics?name=up")).expect(200);
    for path in ["/", "/health", "/docs", "/users/me", "/metrics/", "/Metrics", "//metrics"] {
        assert_eq!(ask(&Call::get(path)).expect(404).body, "", "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(ask(&Call::new(method, "/metrics")).expect(405).header("allow"), Some("GET"), "{method}");
    }
    let mut connection = Connection::open(address).unwrap();
    connection.send(b"HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert!(connection.rest().unwrap().starts_with(b"HTTP/1.1 405"));
    let mut connection = Connection::open(address).unwrap();
    connection.send(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(connection.receive().unwrap().status, 400, "a request without a host");
    for path in ["/metrics", "/metrics/", "/auth/metrics"] {
        service.call(&Call::get(path)).expect(404);
    }
    let log = service.stop();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn it_is_never_the_address_of_the_service() {
    let folder = TempFolder::new();
    for (host, port, wanted) in [
        ("127.0.0.1", "18000", "127.0.0.1:18000"),
        ("0.0.0.0", "18000", "127.0.0.1:18000"),
        ("127.0.0.1", "18000", "0.0.0.0:18000"),
    ] {
        let program = program(&folder).env("HOST", host).env("PORT", port).env("METRICS_ADDR", wanted);
        let text = program.run().with_code(2);
        assert!(text.contains("METRICS_ADDR") && text.contains("address of the service"), "{text}");
    }
    let text = program(&folder).env("METRICS_ADDR", "9464").run().with_code(2);
    assert!(text.contains("METRICS_ADDR") && text.contains("127.0.0.1:9464"), "{text}");
}

#[test]
fn a_taken_address_is_told() {
    let folder = TempFolder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = program(&folder).env("METRICS_ADDR", address.as_str()).run().with_code(1);
    assert!(text.contains("METRICS_ADDR") && text.contains(&address), "{text}");
}

#[test]
fn idle_connections_do_not_block_a_scrape() {
    let folder = TempFolder::new();
    let service = program(&folder).env("METRICS_ADDR", "127.0.0.1:0").start();
    let address = metrics_address(&service);
    // Less than the time after which the listener closes an idle connection.
    one_of_three_within(HEADER_TIMEOUT / 4, "a scrape beside 40 idle connections", || {
        let _idle: Vec<Connection> = (0..40).map(|_| Connection::open(address).unwrap()).collect();
        let begun = std::time::Instant::now();
        Connection::open(address).unwrap().call(&Call::get("/metrics")).unwrap().expect(200);
        begun.elapsed()
    });
}

#[test]
fn a_scraper_that_stays_connected_does_not_hold_up_a_stop() {
    // Less than the idle timeout of a scraper and less than the time that shutdown waits for requests.
    one_of_three_within(HEADER_TIMEOUT / 2, "SIGTERM with a scraper that stays connected", || {
        let folder = TempFolder::new();
        let service = program(&folder).env("METRICS_ADDR", "127.0.0.1:0").start();
        let mut scraper = Connection::open(metrics_address(&service)).unwrap();
        for _ in 0..3 {
            scraper.call(&Call::get("/metrics")).unwrap().expect(200);
        }
        let begun = std::time::Instant::now();
        service.stop();
        begun.elapsed()
    });
}
