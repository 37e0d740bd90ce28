//! Where one request ends and the next begins: nobody who asks through a proxy can hide a request in another one.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use inwren_tests::process::{PATIENCE, Program, Service};
use inwren_tests::stores::TempFolder;

/// What would be answered, if the service took it for a request of its own.
const HIDDEN: &str = "GET /health/live HTTP/1.1\r\nHost: a\r\nX-Request-Id: hidden\r\n\r\n";

fn start(folder: &TempFolder) -> Service {
    Program::new(folder.path()).env("DATABASE_URL", "memory:").start()
}

/// Sends bytes, and gives all that comes back before the service closes the connection, in whichever way.
fn exchange(service: &Service, bytes: &str) -> String {
    let mut stream = TcpStream::connect(service.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(bytes.as_bytes()).expect("sent bytes");
    let (mut received, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: the service did not close after {bytes:?}"),
        }
    }
    String::from_utf8_lossy(&received).into_owned()
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

/// A login with these headers, in any framing, and a hidden request after it.
fn login(version: &str, headers: &[&str], body: &str) -> String {
    let mut request =
        format!("POST /auth/login HTTP/{version}\r\nHost: a\r\nContent-Type: application/json\r\n");
    for header in headers {
        let _ = write!(request, "{header}\r\n");
    }
    format!("{request}\r\n{body}")
}

#[test]
fn two_proper_requests_on_one_connection_get_two_answers() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let closing = HIDDEN.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let text = exchange(&service, &(login("1.1", &["Content-Length: 2"], "{}") + &closing));
    assert_eq!((answers(&text), text.contains("hidden")), (2, true), "{text}");
}

#[test]
fn a_request_with_two_lengths_is_the_last_one() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let length = format!("Content-Length: {}", chunked.len());
    for headers in [
        [length.as_str(), "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", length.as_str()],
        ["Content-Length: 0", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip, chunked", length.as_str()],
        ["TRANSFER-ENCODING: Chunked", "content-length: 3"],
    ] {
        let text = exchange(&service, &login("1.1", &headers, &chunked));
        assert_eq!((answers(&text), text.contains("hidden")), (1, false), "{headers:?}: {text}");
        assert!(text.contains(" 400 "), "{headers:?}: {text}");
    }
}

#[test]
fn a_request_whose_end_is_unclear_is_refused() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let body = format!("{{}}{HIDDEN}");
    for (version, headers) in [
        ("1.1", &["Content-Length: 2", "Content-Length: 3"][..]),
        ("1.1", &["Content-Length: 2, 3"]),
        ("1.1", &["Content-Length: +2"]),
        ("1.1", &["Content-Length: -2"]),
        ("1.1", &["Content-Length: 0x2"]),
        ("1.1", &["Content-Length: 2 2"]),
        ("1.1", &["Content-Length: 99999999999999999999"]),
        ("1.1", &["Content-Length:"]),
        ("1.1", &["Content-Length : 2"]),
        ("1.1", &[" Content-Length: 2"]),
        ("1.1", &["X: y", "\tContent-Length: 2"]),
        ("1.1", &["Transfer-Encoding: identity"]),
        ("1.1", &["Transfer-Encoding: xchunked"]),
        ("1.1", &["Transfer-Encoding: chunked, identity"]),
        ("1.1", &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]),
        ("1.1", &["Transfer-Encoding : chunked"]),
        ("1.1", &["Transfer-Encoding: chunked\u{b}"]),
        ("1.0", &["Transfer-Encoding: chunked"]),
        ("1.0", &["Transfer-Encoding: chunked", "Content-Length: 2"]),
        ("1.1", &["Content-Length: 2", "X: a\rb"]),
        ("1.1", &["Content-Length: 2", "X: a\0b"]),
        ("3.7", &["Content-Length: 2"]),
    ] {
        let text = exchange(&service, &login(version, headers, &body));
        assert!(answers(&text) <= 1 && !text.contains("hidden"), "{version} {headers:?}: {text}");
        assert!(text.is_empty() || text.contains(" 400 "), "{version} {headers:?}: {text}");
    }
}

#[test]
fn a_body_in_broken_pieces_is_refused() {
    let folder = TempFolder::new();
    let service = start(&folder);
    for pieces in [
        "0x2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "\r\n2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "2 2\r\n{}\r\n0\r\n\r\n",
    ] {
        let request = login("1.1", &["Transfer-Encoding: chunked"], &format!("{pieces}{HIDDEN}"));
        let text = exchange(&service, &request);
        assert_eq!((answers(&text), text.contains("hidden")), (1, false), "{pieces:?}: {text}");
        assert!(text.contains(" 400 "), "{pieces:?}: {text}");
    }
}

#[test]
fn nothing_of_a_request_comes_back() {
    let folder = TempFolder::new();
    let service = start(&folder);
    for request_line in [
        "TRACE / HTTP/1.1",
        "TRACE /users/me HTTP/1.1",
        "TRACK / HTTP/1.1",
        "CONNECT internal.example:443 HTTP/1.1",
    ] {
        let request = format!(
            "{request_line}\r\nHost: a\r\nAuthorization: Bearer confidential\r\nX-Secret: confidential\r\n\
             Connection: close\r\n\r\n"
        );
        let text = exchange(&service, &request);
        assert_eq!(answers(&text), 1, "{request_line}: {text}");
        assert!(text.starts_with("HTTP/1.1 4"), "{request_line}: {text}");
        assert!(!text.contains("confidential"), "{request_line}: {text}");
    }
    // A proxy would go there; the service answers for itself.
    let text = exchange(
        &service,
        "GET http://internal.example/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
}
