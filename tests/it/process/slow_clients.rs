//! Clients that are slow, or send too much: they are closed in time, and cost little until then.

use std::io::ErrorKind;
use std::time::Instant;

use inwren_tests::process::{Call, Connection, Program, Service};
use inwren_tests::stores::TempFolder;

use super::times::{HEADER_TIMEOUT, SLACK};

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
    // Nobody else has to wait meanwhile.
    service.call(&Call::get("/health")).expect(200);
    assert!(complete.elapsed() < HEADER_TIMEOUT);
    for connection in &mut stalled {
        connection.rest().unwrap();
    }
    let took = begun.elapsed();
    println!("50 stalled headers were closed after {took:?}");
    assert!(took >= HEADER_TIMEOUT && complete.elapsed() < HEADER_TIMEOUT + SLACK, "{took:?}");
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
        // The service closes what it does not read. Until that is noticed, as much gets lost in buffers as fits in them.
        while sent < 640 && connection.send(&piece).is_ok() {
            sent += 1;
        }
        match connection.receive() {
            Ok(answer) => drop(answer.expect(413)),
            // The answer is lost where the system throws it away with the connection.
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
    // Announced, and not even begun.
    let mut connection = service.connect();
    connection
        .send(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 41943040\r\n\r\n")
        .unwrap();
    connection.receive().unwrap().expect(413);
}

/// However it arrives, and told like any other error.
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
