//! Slow clients and oversized requests: the service closes their connections in time, at a low cost until then.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use inwren_tests::process::{Call, Connection, Program, Service, pause, until};
use inwren_tests::stores::TempFolder;

use crate::process::support::times::{BODY_GRACE, BODY_TIMEOUT, HEADER_TIMEOUT, SLACK, one_of_three_within};

fn start(folder: &TempFolder) -> Service {
    Program::new(folder.path()).env("DATABASE_URL", "memory:").start()
}

#[test]
fn half_a_header_is_waited_for_ten_seconds() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let begun = Instant::now();
    let mut stalled: Vec<Connection> = (0..50).map(|_| service.connect()).collect();
    for connection in &mut stalled {
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").unwrap();
    }
    let complete = Instant::now();
    // Other clients do not wait meanwhile.
    service.call(&Call::get("/health")).expect(200);
    assert!(complete.elapsed() < HEADER_TIMEOUT);
    for connection in &mut stalled {
        connection.rest().unwrap();
    }
    let took = begun.elapsed();
    println!("50 stalled headers were closed after {took:?}");
    assert!(took >= HEADER_TIMEOUT && complete.elapsed() < HEADER_TIMEOUT + SLACK, "{took:?}");
}

/// The headers of a request with a body of this many bytes.
fn head(length: usize) -> Vec<u8> {
    let head = "POST /auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length:";
    format!("{head} {length}\r\n\r\n").into_bytes()
}

#[test]
fn a_body_below_the_minimum_rate_is_refused() {
    let folder = TempFolder::new();
    let service = start(&folder);
    one_of_three_within(BODY_TIMEOUT - Duration::from_secs(2), "a body of ten bytes a second", || {
        let mut connection = service.connect();
        connection.send(&head(60_000)).unwrap();
        let begun = Instant::now();
        // The service responds while it waits for the next byte.
        while begun.elapsed() < BODY_GRACE - Duration::from_millis(500) {
            connection.send(b" ").unwrap();
            pause(Duration::from_millis(100));
        }
        assert_eq!(connection.receive().unwrap().expect(408).text("code"), "request-timeout");
        let took = begun.elapsed();
        assert!(took >= BODY_GRACE - Duration::from_millis(500), "{took:?}");
        took
    });
}

#[test]
fn a_slow_body_above_the_minimum_rate_is_read() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let body = format!("{:28672}", r#"{"refresh_token": "x"}"#).into_bytes();
    let mut connection = service.connect();
    connection.send(&head(body.len())).unwrap();
    // Longer than the grace period, and far above the minimum rate, so that the machine may stand still for some
    // seconds.
    for piece in body.chunks(2_048) {
        connection.send(piece).unwrap();
        pause(Duration::from_millis(900));
    }
    assert_eq!(connection.receive().unwrap().expect(401).text("code"), "invalid-token");
}

#[test]
fn requests_that_wait_for_bodies_are_bounded_by_network() {
    let folder = TempFolder::new();
    // Every network may have at least 64 such requests.
    let program = Program::new(folder.path())
        .env("DATABASE_URL", "memory:")
        .env("MAX_CONNECTIONS", "200")
        .env("TRUSTED_PROXIES", "127.0.0.1");
    let service = program.start();
    let waiting = |_| {
        let mut connection = service.connect();
        let head = String::from_utf8(head(22)).unwrap();
        let head = head.replacen("Host: a", "Host: a\r\nX-Forwarded-For: 203.0.113.9", 1);
        connection.send(head.as_bytes()).unwrap();
        connection
    };
    let refresh = |client: &str| {
        let body = r#"{"refresh_token": "x"}"#;
        let call = Call::new("POST", "/auth/refresh").body("application/json", body);
        service.call(&call.header("X-Forwarded-For", client))
    };
    let mut crowd: Vec<Connection> = (0..64).map(waiting).collect();
    let begun = Instant::now();
    until("all of them waiting", || refresh("203.0.113.9").status == 429);
    let refused = refresh("203.0.113.9").expect(429);
    assert_eq!((refused.text("code").as_str(), refused.header("retry-after")), ("rate-limited", Some("1")));
    refresh("198.51.100.7").expect(401);
    assert!(begun.elapsed() < BODY_GRACE, "they wait no longer");
    let mut first = crowd.remove(0);
    first.send(br#"{"refresh_token": "x"}"#).unwrap();
    first.receive().unwrap().expect(401);
    refresh("203.0.113.9").expect(401);
}

#[test]
fn a_huge_body_is_refused_before_it_is_read() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x1_0000], b"\r\n"].concat();
    for (framing, piece) in
        [("Content-Length: 41943040", vec![b'a'; 0x1_0000]), ("Transfer-Encoding: chunked", chunk)]
    {
        let mut connection = service.connect();
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        connection.send(head.as_bytes()).unwrap();
        let mut sent = 0_usize;
        // The service closes the connection without reading the body. Until the client notices, the buffers take as
        // many bytes as fit.
        while sent < 640 && connection.send(&piece).is_ok() {
            sent += 1;
        }
        match connection.receive() {
            Ok(answer) => drop(answer.expect(413)),
            // The operating system may discard the response when the connection is reset.
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
                ),
                "{error}"
            ),
        }
        println!("{framing}: {} of 40960 KiB were taken", sent * 64);
        assert!(sent < 640, "the whole body was read");
        service.call(&Call::get("/health")).expect(200);
    }
}

#[test]
fn a_body_over_the_limit_is_told_so() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let body = vec![b'a'; 70 * 1024];
    let answer = service.call(&Call::new("POST", "/auth/login").body("application/json", body.clone()));
    assert_eq!(answer.expect(413).text("code"), "body-too-large");
    // A body that is announced and never sent.
    let mut connection = service.connect();
    connection
        .send(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 41943040\r\n\r\n")
        .unwrap();
    connection.receive().unwrap().expect(413);
}

/// However the headers arrive, the response is a regular error.
#[test]
fn headers_beyond_32_kib_are_refused() {
    let folder = TempFolder::new();
    let service = start(&folder);
    for (length, status) in [(32_000, 200), (33_000, 431), (48_000, 431)] {
        for piece in [length, 1_000] {
            let mut connection = service.connect();
            connection.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Filler: ").unwrap();
            for part in vec![b'a'; length].chunks(piece) {
                connection.send(part).unwrap();
            }
            connection.send(b"\r\n\r\n").unwrap();
            let answer = connection.receive().unwrap();
            assert_eq!(answer.status, status, "{length} by {piece}: {answer:?}");
            if status == 431 {
                assert!(answer.text("type") == "/problems/headers-too-large", "{answer:?}");
            }
        }
    }
}

#[test]
fn a_huge_header_is_refused() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let mut connection = service.connect();
    let begun = Instant::now();
    let _ = connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n");
    let line = format!("X-Filler: {}\r\n", "a".repeat(1_000));
    let mut sent = 0;
    while sent < 1_000 && connection.send(line.as_bytes()).is_ok() {
        sent += 1;
    }
    let _ = connection.send(b"\r\n");
    match connection.receive() {
        Ok(answer) => assert!(matches!(answer.status, 400 | 431), "{answer:?}"),
        Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock, "{error}"),
    }
    assert!(begun.elapsed() < HEADER_TIMEOUT, "{:?}", begun.elapsed());
    service.call(&Call::get("/health")).expect(200);
}
