//! Message framing: where a request ends and the next one begins. A client behind a proxy cannot smuggle a request
//! inside another one.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use inwren_tests::process::{PATIENCE, Program, Service};
use inwren_tests::stores::TempFolder;

/// A hidden request. The service would respond to it if it parsed it as a separate request.
const HIDDEN: &str = "GET /health/live HTTP/1.1\r\nHost: a\r\nX-Request-Id: hidden\r\n\r\n";

fn start(folder: &TempFolder) -> Service {
    Program::new(folder.path()).env("DATABASE_URL", "memory:").start()
}

/// Sends bytes, and returns all bytes that the service sends before it closes the connection in any way.
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

/// A login with these headers, in any framing, followed by a hidden request.
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

/// The HTTP parser responds before any other code sees the request, and closes the connection.
#[test]
fn unreadable_requests_get_a_bare_status() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let get = |headers: &str| format!("GET /health/live HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    for (request, status) in [
        ("garbage\r\n\r\n".to_owned(), 400),
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        (get("X : b\r\n"), 400),
        (get("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (get("Content-Length: -1\r\n"), 400),
        (get(&"X: b\r\n".repeat(200)), 431),
        // The parser responds before it has read most of the request, and the client still receives the response.
        (get(&format!("X: {}\r\n", "b".repeat(500_000))), 431),
    ] {
        let mut connection = service.connect();
        connection.send(request.as_bytes()).unwrap();
        let answer = connection.receive().unwrap().expect(status);
        assert_eq!((answer.header("content-length"), answer.body.as_str()), (Some("0"), ""), "{answer:?}");
        assert_eq!(connection.rest().expect("an end"), b"", "{answer:?}");
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

/// An HTTP/1.1 request has exactly one valid `Host` (RFC 9112 section 3.2).
#[test]
fn a_request_says_once_for_whom_it_is() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let ask = |request: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("{host}\r\n")).collect();
        exchange(&service, &format!("{request}\r\n{hosts}X-Request-Id: asked\r\nConnection: close\r\n\r\n"))
    };
    for hosts in [
        &[][..],
        &["Host: a", "Host: a"],
        &["Host: a", "host: b"],
        &["Host: a", "Host:"],
        &["Host:"],
        &["Host: a b"],
        &["Host: a/b"],
        &["Host: user@a"],
        &["Host: http://a"],
        &["Host: a, b"],
        &["Host: a:b"],
        &["Host: a:65536"],
        &["Host: a:1:2"],
        &["Host: ::1"],
        &["Host: [::1"],
        &["Host: é"],
    ] {
        for request in [
            "GET /health/live HTTP/1.1",
            "GET /nothing HTTP/1.1",
            "OPTIONS /users/me HTTP/1.1",
            "OPTIONS /users/me HTTP/1.1\r\nOrigin: http://localhost:3000\r\nAccess-Control-Request-Method: GET",
            "GET http://a/health/live HTTP/1.1",
        ] {
            let text = ask(request, hosts);
            assert!(text.starts_with("HTTP/1.1 400 ") && answers(&text) == 1, "{request} {hosts:?}: {text}");
            let (head, body) = text.split_once("\r\n\r\n").expect("a body");
            let head = head.to_ascii_lowercase();
            assert!(head.contains("content-type: application/problem+json"), "{request} {hosts:?}: {text}");
            assert!(head.contains("x-request-id: asked"), "{request} {hosts:?}: {text}");
            let problem: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(problem["code"], "malformed-request", "{request} {hosts:?}");
            assert!(problem["detail"].as_str().expect("a detail").contains("Host"), "{problem}");
        }
        if !hosts.is_empty() {
            let text = ask("GET /health/live HTTP/1.0", hosts);
            assert!(text.contains(" 400 "), "HTTP/1.0 {hosts:?}: {text}");
        }
    }
    for host in ["Host: a", "Host: my_service:8000", "HOST:127.0.0.1:1", "Host: [::1]:8000", "Host:  a:  "] {
        let text = ask("GET /health/live HTTP/1.1", &[host]);
        assert!(text.starts_with("HTTP/1.1 200 "), "{host}: {text}");
    }
    let text = ask("GET /health/live HTTP/1.0", &[]);
    assert!(text.contains(" 200 "), "HTTP/1.0: {text}");
}

/// After a refusal for an invalid `Host`, the connection stays in sync: the service does not parse the body as the next
/// request.
#[test]
fn a_request_for_nobody_hides_no_other() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let closing = HIDDEN.replace("hidden", "next").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let request =
        login("1.1", &[&format!("Content-Length: {}", HIDDEN.len())], HIDDEN).replacen("Host: a\r\n", "", 1);
    let text = exchange(&service, &(request + &closing));
    let got = (answers(&text), text.contains("hidden"), text.contains("next"));
    assert_eq!(got, (2, false, true), "{text}");
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
    // A proxy would forward this request. The service handles it itself.
    let text = exchange(
        &service,
        "GET http://internal.example/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
}
