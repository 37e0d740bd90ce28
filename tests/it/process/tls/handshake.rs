//! Which clients can connect over TLS, and which cannot.

use std::time::{Duration, Instant};

use inwren_tests::certificates::shown;
use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Connection, PATIENCE, Program};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::Served;
use crate::process::support::client::{PASSWORD, Tokens, login, me, register};
use crate::process::support::times::{HEADER_TIMEOUT, SLACK, one_of_three_within};

#[test]
fn both_versions_are_spoken_and_nothing_older() {
    let served = Served::new();
    let service = served.program.start();
    for version in [&TLS12, &TLS13] {
        let mut connection = served.authority.client_of(&[version]).connect(&service).unwrap();
        assert_eq!(connection.stream().conn.protocol_version(), Some(version.version));
        assert_eq!(connection.stream().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(shown(&connection), served.certificate.der);
        let answer = connection.call(&Call::get("/health")).unwrap().expect(200);
        let hsts = answer.header("strict-transport-security").unwrap();
        assert!(hsts.contains("max-age=63072000"), "{hsts}");
        // The connection stays open, as without TLS.
        connection.call(&Call::get("/health/live")).unwrap().expect(200);
    }
    // A client that offers only TLS 1.0 gets a fatal `handshake_failure` or `protocol_version`, and the connection ends
    // (RFC 8446 section 6.2).
    let hello = [&[1, 0, 0, 43, 3, 1][..], &[7; 32], &[0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0]].concat();
    let record = [&[22, 3, 1, 0, 47][..], &hello].concat();
    let mut old = service.connect();
    old.send(&record).unwrap();
    let alert = old.rest().unwrap();
    assert!(
        [[21, 3, 3, 0, 2, 2, 40], [21, 3, 3, 0, 2, 2, 70]].iter().any(|fatal| alert == fatal),
        "{alert:?}"
    );
}

#[test]
fn a_client_that_wants_another_protocol_is_refused() {
    let served = Served::new();
    let service = served.program.start();
    let mut client = served.authority.client();
    client.config.alpn_protocols = vec![b"h2".to_vec()];
    let error = client.connect(&service).err().expect("no HTTP/2 here").to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    // A client without ALPN gets the only protocol.
    client.config.alpn_protocols = Vec::new();
    client.connect(&service).unwrap().call(&Call::get("/health")).unwrap().expect(200);
}

#[test]
fn people_register_and_log_in_over_it() {
    let served = Served::new();
    let service = served.program.start();
    let mut connection = served.authority.client().connect(&service).unwrap();
    connection.call(&Call::get("/docs")).unwrap().expect(200);
    connection.call(&register("ann@example.org", PASSWORD)).unwrap().expect(201);
    let tokens = Tokens::of(&connection.call(&login("ann@example.org", PASSWORD)).unwrap());
    connection.call(&me(&tokens.access)).unwrap().expect(200);
    let log = service.stop();
    assert!(log.contains("is listening on https://127.0.0.1:"), "{log}");
    assert!(!log.contains("plain HTTP"), "{log}");
}

#[test]
fn plain_http_is_told_so_and_gets_nothing_else() {
    let served = Served::new();
    let service = served.program.start();
    let answer = service.call(&Call::get("/health")).expect(400);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.text("code"), "tls-required");
    // The service processes nothing that the client sent in plain HTTP.
    let mut connection = service.connect();
    connection.call(&register("ann@example.org", PASSWORD)).unwrap().expect(400);
    assert!(connection.call(&Call::get("/health")).is_err());
    let log = service.stop();
    assert!(!log.contains("/auth/register"), "{log}");
}

#[test]
fn rubbish_ends_the_connection_and_nothing_else() {
    let served = Served::new();
    let service = served.program.start();
    for rubbish in [&[0_u8; 64][..], &[22, 3, 1, 0xff, 0xff, 1], &[22, 3, 1, 0, 4, 9, 9, 9, 9], &[0x80; 300]]
    {
        let mut connection = service.connect();
        connection.send(rubbish).unwrap();
        let _ = connection.rest();
    }
    served.authority.client().connect(&service).unwrap().call(&Call::get("/health")).unwrap().expect(200);
    let log = service.stop();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

#[test]
fn a_handshake_is_waited_for_ten_seconds_within_the_limit_of_connections() {
    let served = Served::new();
    let service = served.program.clone().env("MAX_CONNECTIONS", "32").start();
    let begun = Instant::now();
    let stall = |n: usize| {
        let mut connection = service.connect();
        // Sends nothing, or the beginning of a record.
        connection.send(&[22, 3, 1, 1, 0, 1][..if n.is_multiple_of(2) { 0 } else { 6 }]).unwrap();
        connection
    };
    // Clients on the loopback have a reserve of 8 beyond the limit, and are not closed for others.
    let mut stalled: Vec<Connection> = (0..39).map(stall).collect();
    // A client that does not stall gets the last place.
    served.authority.client().connect(&service).unwrap().call(&Call::get("/health")).unwrap().expect(200);
    assert!(begun.elapsed() < HEADER_TIMEOUT, "{:?}", begun.elapsed());
    stalled.push(stall(0));
    // No other client gets a place before one of the stalled connections is closed.
    served.authority.client().connect(&service).unwrap().call(&Call::get("/health")).unwrap().expect(200);
    let let_in = begun.elapsed();
    for connection in &mut stalled {
        let _ = connection.rest();
    }
    let took = begun.elapsed();
    println!(
        "40 stalled handshakes: the next client was let in after {let_in:?}, all were closed after {took:?}"
    );
    // The last connection may have waited for its place.
    assert!(let_in >= HEADER_TIMEOUT && took < 2 * HEADER_TIMEOUT + SLACK, "{let_in:?}, {took:?}");
}

#[test]
fn stalled_handshakes_do_not_keep_the_service_from_stopping() {
    one_of_three_within(Duration::from_secs(5), "SIGTERM with 5 stalled handshakes", || {
        let served = Served::new();
        let mut service = served.program.start();
        let _stalled: Vec<Connection> = (0..5).map(|_| service.connect()).collect();
        let mut idle = served.authority.client().connect(&service).unwrap();
        idle.call(&Call::get("/health")).unwrap().expect(200);
        let begun = Instant::now();
        service.signal("TERM");
        assert_eq!(service.wait(PATIENCE).code(), Some(0));
        let took = begun.elapsed();
        // The service announced the end: no data was truncated (RFC 8446 section 6.1).
        assert_eq!(idle.rest().unwrap(), b"");
        took
    });
}

#[test]
fn its_health_can_be_asked_for() {
    let served = Served::new();
    // A fixed free port: after the service stops, no other process should listen there.
    let port = free_port().to_string();
    let program = served.program.clone().env("HOST", "0.0.0.0").env("PORT", port.as_str());
    let service = program.start();
    let check = program.args(["healthcheck"]);
    check.run().with_code(0);
    // A health check without the TLS settings reports that the service is not ready.
    let plain = Program::bare(served.folder.path()).env("PORT", port.as_str()).args(["healthcheck"]);
    assert!(plain.run().with_code(1).contains("not ready: HTTP/1.1 400"));
    service.stop();
    check.run().with_code(1);
}
