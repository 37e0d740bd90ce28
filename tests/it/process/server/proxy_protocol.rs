//! The PROXY protocol: which peers may name the source address of a connection.

use std::io::ErrorKind;
use std::time::Instant;

use inwren_tests::certificates::Authority;
use inwren_tests::process::{Answer, Call, Connection, Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, login, register};
use crate::process::support::times::{HEADER_TIMEOUT, SLACK};

/// Contains 127.0.0.1, the address of the tests.
const TRUSTING: &str = "127.0.0.0/8";
const TRUSTING_OTHERS: &str = "127.0.0.2, 10.0.0.0/8";

fn program(folder: &TempFolder, trusted: &str) -> Program {
    Program::new(folder.path())
        .env("DATABASE_URL", "memory:")
        .env("LOG_FORMAT", "json")
        .env("PROXY_PROTOCOL", "true")
        .env("TRUSTED_PROXIES", trusted)
}

fn version_1(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 10.0.0.1 40000 443\r\n").into_bytes()
}

fn version_2(client: [u8; 4]) -> Vec<u8> {
    let addresses = [&client[..], &[10, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb]].concat();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &addresses[..]].concat()
}

fn connect(service: &Service, header: &[u8]) -> Connection {
    let mut connection = service.connect();
    connection.send(header).expect("a header to be sent");
    connection
}

fn call(service: &Service, header: &[u8], call: &Call) -> Answer {
    connect(service, header).call(call).expect("an answer")
}

#[test]
fn a_trusted_proxy_names_the_client() {
    let folder = TempFolder::new();
    let service = program(&folder, TRUSTING).start();
    call(&service, &version_1("203.0.113.9"), &Call::get("/health")).expect(200);
    service.wait_for(r#""client":"203.0.113.9""#);
    call(&service, &version_2([203, 0, 113, 10]), &Call::get("/health")).expect(200);
    service.wait_for(r#""client":"203.0.113.10""#);
    call(&service, b"PROXY TCP6 2001:db8::9 ::1 40000 443\r\n", &Call::get("/health")).expect(200);
    service.wait_for(r#""client":"2001:db8::9""#);
    // The client's own headers change nothing: the client is not a trusted proxy.
    let spoofed = Call::get("/health")
        .header("X-Forwarded-For", "198.51.100.1")
        .header("Forwarded", "for=198.51.100.1");
    call(&service, &version_1("203.0.113.11"), &spoofed).expect(200);
    service.wait_for(r#""client":"203.0.113.11""#);
    // Two proxies in a row: the PROXY header names the outer proxy, which is trusted, and that proxy's header names the
    // client.
    let forwarded = Call::get("/health").header("X-Forwarded-For", "198.51.100.2");
    call(&service, &version_1("127.9.9.9"), &forwarded).expect(200);
    service.wait_for(r#""client":"198.51.100.2""#);
    assert!(!service.stop().contains(r#""198.51.100.1""#), "a client named itself");
}

#[test]
fn a_proxy_that_speaks_for_itself_is_itself() {
    let folder = TempFolder::new();
    let service = program(&folder, TRUSTING).start();
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN a b c\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        call(&service, header, &Call::get("/health")).expect(200);
    }
    let log = service.stop();
    assert_eq!(log.matches(r#""client":"127.0.0.1""#).count(), 3, "{log}");
}

#[test]
fn limits_count_the_client_and_not_the_proxy() {
    let folder = TempFolder::new();
    // A quota so slow that it does not refill during the test, even on a slow machine.
    let limited =
        program(&folder, TRUSTING).env("RATE_LIMIT_ENABLED", "true").env("RATE_LIMIT_LOGIN", "5/hour");
    let service = limited.start();
    call(&service, &version_1("203.0.113.1"), &register("ann@example.org", PASSWORD)).expect(201);
    let attempt = login("ann@example.org", PASSWORD);
    for n in 0..6 {
        let answer = call(&service, &version_2([203, 0, 113, 2]), &attempt);
        assert_eq!(answer.status, if n < 5 { 200 } else { 429 }, "{answer:?}");
    }
    call(&service, &version_1("203.0.113.3"), &attempt).expect(200);
    // All requests of a connection count for one client.
    let mut connection = connect(&service, &version_1("203.0.113.4"));
    for n in 0..6 {
        let answer = connection.call(&attempt).unwrap();
        assert_eq!(answer.status, if n < 5 { 200 } else { 429 }, "{answer:?}");
    }
}

#[test]
fn nobody_else_is_believed() {
    let folder = TempFolder::new();
    let service = program(&folder, TRUSTING_OTHERS).start();
    // Untrusted peers speak HTTP from the start, under their own address.
    service.call(&Call::get("/health").header("X-Forwarded-For", "203.0.113.9")).expect(200);
    // A PROXY header from an untrusted peer is a bad request, whatever it contains.
    call(&service, &version_1("203.0.113.9"), &Call::get("/health")).expect(400);
    let mut connection = connect(&service, &version_2([203, 0, 113, 9]));
    let _ = connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!connection.receive().is_ok_and(|answer| answer.status == 200));
    let log = service.stop();
    assert!(log.contains(r#""client":"127.0.0.1""#) && !log.contains("203.0.113.9"), "{log}");
}

#[test]
fn without_the_setting_a_header_is_a_bad_request() {
    let folder = TempFolder::new();
    let service = program(&folder, TRUSTING).env("PROXY_PROTOCOL", "false").start();
    call(&service, &version_1("203.0.113.9"), &Call::get("/health")).expect(400);
    service.call(&Call::get("/health")).expect(200);
    assert!(!service.stop().contains(r#""client":"203.0.113.9""#));
}

#[test]
fn a_connection_without_a_good_header_is_closed_unanswered() {
    let folder = TempFolder::new();
    let service = program(&folder, TRUSTING).start();
    let request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let oversized = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"[..], &[0; 4_000]].concat();
    for header in [
        &b""[..],
        b"PROXY TCP4 203.0.113.9 10.0.0.1 40000\r\n",
        b"PROXY TCP4 203.0.113.9,10.0.0.1 40000 443 443\r\n",
        b"PROXY TCP4 example.org 10.0.0.1 40000 443\r\n",
        b"PROXY UNIX /tmp/socket\r\n",
        &[b'P'; 4_000],
        &[&b"PROXY UNKNOWN "[..], &[b'a'; 4_000]].concat(),
        &oversized,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c____________",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c____________",
    ] {
        let begun = Instant::now();
        let mut connection = connect(&service, header);
        let _ = connection.send(request);
        match connection.rest() {
            Ok(rest) => assert_eq!(rest, b"", "{header:?}"),
            // Unread bytes reset the connection.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
        assert!(begun.elapsed() < HEADER_TIMEOUT, "{header:?} took {:?}", begun.elapsed());
    }
    call(&service, &version_1("203.0.113.9"), &Call::get("/health")).expect(200);
    let log = service.stop();
    assert_eq!(log.matches("inwren::request").count(), 1, "{log}");
}

#[test]
fn a_header_is_waited_for_ten_seconds() {
    let folder = TempFolder::new();
    let service = program(&folder, TRUSTING).start();
    let begun = Instant::now();
    let (first, second) = (version_1("203.0.113.9"), version_2([203, 0, 113, 9]));
    let beginnings: [&[u8]; 5] = [b"", &first[..3], &first[..20], &second[..15], &second[..20]];
    let mut stalled: Vec<Connection> =
        beginnings.iter().map(|beginning| connect(&service, beginning)).collect();
    // Other clients do not wait meanwhile, not even one that sends its PROXY header byte by byte.
    let mut slow = service.connect();
    for byte in version_1("203.0.113.10") {
        slow.send(&[byte]).unwrap();
    }
    slow.call(&Call::get("/health")).unwrap().expect(200);
    assert!(begun.elapsed() < HEADER_TIMEOUT, "{:?}", begun.elapsed());
    for connection in &mut stalled {
        assert_eq!(connection.rest().unwrap(), b"");
    }
    let took = begun.elapsed();
    println!("5 stalled PROXY headers were closed after {took:?}");
    assert!(took >= HEADER_TIMEOUT && took < HEADER_TIMEOUT + SLACK, "{took:?}");
}

#[test]
fn it_stands_in_front_of_tls() {
    let folder = TempFolder::new();
    let authority = Authority::new();
    authority.issue().write(folder.path());
    let program = program(&folder, TRUSTING).env("TLS_CERT_PATH", "tls.crt").env("TLS_KEY_PATH", "tls.key");
    let service = program.start();
    let client = authority.client();
    for header in [version_1("203.0.113.9"), version_2([203, 0, 113, 9])] {
        let mut connection = client.over(connect(&service, &header), &service).unwrap();
        connection.call(&Call::get("/health")).unwrap().expect(200);
    }
    // The service accepts no PROXY header inside TLS, and no TLS without a PROXY header.
    assert!(client.connect(&service).is_err());
    let check = program.env("PORT", service.address().port().to_string()).args(["healthcheck"]);
    check.run().with_code(0);
    let log = service.stop();
    assert_eq!(log.matches(r#""client":"203.0.113.9""#).count(), 2, "{log}");
    assert_eq!(log.matches(r#""client":"127.0.0.1""#).count(), 1, "{log}");
}

#[test]
fn the_health_is_asked_for_as_a_proxy_or_as_a_client() {
    for trusted in [TRUSTING, TRUSTING_OTHERS] {
        let folder = TempFolder::new();
        let service = program(&folder, trusted).start();
        let port = service.address().port().to_string();
        program(&folder, trusted).env("PORT", port).args(["healthcheck"]).run().with_code(0);
        assert!(service.stop().contains(r#""client":"127.0.0.1""#));
    }
}

#[test]
fn it_needs_proxies_to_trust() {
    let folder = TempFolder::new();
    let text = program(&folder, "none").run().with_code(2);
    assert!(text.contains("PROXY_PROTOCOL is \"true\": needs TRUSTED_PROXIES"), "{text}");
}
