//! A client that is refused before its body was read can reuse the connection, or the response announces its end.

use std::time::{Duration, Instant};

use inwren_tests::process::{Answer, Connection, Program, Service, pause};
use inwren_tests::stores::TempFolder;

use crate::process::support::times::HEADER_TIMEOUT;

fn start(folder: &TempFolder) -> Service {
    Program::new(folder.path()).env("DATABASE_URL", "memory:").env("RATE_LIMIT_ENABLED", "false").start()
}

/// How long the response waits for the rest of an unread body.
const LEFTOVER_TIMEOUT: Duration = Duration::from_millis(500);

const NEXT: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";

fn refused(connection: &mut Connection, head: &str, body: &[u8], between: Duration) -> Answer {
    connection.send(format!("{head}\r\nHost: a\r\n\r\n").as_bytes()).expect("sent headers");
    pause(between);
    connection.send(body).expect("a sent body");
    connection.receive().expect("an answer")
}

/// Clients send headers and body one after the other, so the response is often known between the two.
#[test]
fn the_next_request_is_answered() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let mut connection = service.connect();
    let body = vec![b'x'; 20_000];
    let chunked = [b"5\r\nxxxxx\r\n".repeat(1_000), b"0\r\n\r\n".to_vec()].concat();
    let length = format!("Content-Length: {}", body.len());
    for (line, status) in [
        ("PUT /users/me", 401),
        ("POST /users/me/password", 401),
        ("POST /auth/introspect", 401),
        ("POST /auth/logout", 401),
        ("POST /auth/login", 415),
        ("POST /nowhere", 404),
        ("POST /users/me", 405),
        ("GET /health/live", 200),
    ] {
        for (framing, body) in [(length.as_str(), &body), ("Transfer-Encoding: chunked", &chunked)] {
            for between in [Duration::ZERO, Duration::from_millis(20)] {
                let head = format!("{line} HTTP/1.1\r\n{framing}");
                let answer = loop {
                    let begun = Instant::now();
                    let answer = refused(&mut connection, &head, body, between);
                    // If the client stands still between headers and body, the response announces the end of the
                    // connection.
                    if answer.header("connection").is_none() || begun.elapsed() < LEFTOVER_TIMEOUT {
                        break answer;
                    }
                    connection = service.connect();
                };
                assert_eq!(
                    (answer.status, answer.header("connection")),
                    (status, None),
                    "{line}: {answer:?}"
                );
                connection.send(NEXT).expect("a sent request");
                assert_eq!(connection.receive().expect("the next answer").status, 200, "after {line}");
            }
        }
    }
}

/// The service does not wait for a body that is too long, does not arrive, or waits for `100 Continue`.
#[test]
fn a_connection_that_cannot_go_on_is_said_to_end() {
    let folder = TempFolder::new();
    let service = start(&folder);
    for (headers, body) in [
        ("Content-Length: 100000", vec![b'x'; 70_000]),
        ("Content-Length: 100", b"not all of it".to_vec()),
        ("Content-Length: 100\r\nExpect: 100-continue", Vec::new()),
    ] {
        let mut connection = service.connect();
        let begun = Instant::now();
        let head = format!("PUT /users/me HTTP/1.1\r\n{headers}");
        let answer = refused(&mut connection, &head, &body, Duration::ZERO);
        assert_eq!((answer.status, answer.header("connection")), (401, Some("close")), "{headers}");
        assert!(begun.elapsed() < HEADER_TIMEOUT, "{headers}: {:?}", begun.elapsed());
        assert_eq!(connection.rest().expect("an end"), b"", "{headers}");
    }
}
