//! The service divides connections between client networks: one client with thousands of sockets does not lock out
//! other clients.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::is_long;
use inwren_tests::process::{Call, Connection, PATIENCE, Program, Service, pause, until};
use inwren_tests::stores::TempFolder;

use crate::process::monitoring::metrics_address;
use crate::process::support::times::{HEADER_TIMEOUT, one_of_three_within};

const CROWD: &str = "203.0.113.9";
const GUEST: &str = "198.51.100.7";

/// A service whose clients are the addresses in the PROXY headers. All tests connect from the loopback, which is exempt
/// from the limits.
fn program(folder: &TempFolder, max_connections: usize) -> Program {
    Program::new(folder.path())
        .env("DATABASE_URL", "memory:")
        .env("PROXY_PROTOCOL", "true")
        .env("TRUSTED_PROXIES", "127.0.0.0/8")
        .env("METRICS_ADDR", "127.0.0.1:0")
        .env("MAX_CONNECTIONS", max_connections.to_string())
}

fn connect_as(service: &Service, client: &str) -> Connection {
    let mut connection = service.connect();
    connection.send(format!("PROXY TCP4 {client} 10.0.0.1 40000 443\r\n").as_bytes()).expect("a sent header");
    connection
}

/// A connection of the proxy itself, such as a health check.
fn connect_as_proxy(service: &Service) -> Connection {
    let mut connection = service.connect();
    connection.send(b"PROXY UNKNOWN\r\n").expect("a sent header");
    connection
}

/// Number of connections that were closed for others while they waited.
fn shed(service: &Service) -> u64 {
    let mut scraper = Connection::open(metrics_address(service)).expect("a connection");
    let page = scraper.call(&Call::get("/metrics")).expect("an answer").expect(200).body;
    let series = "inwren_connections_shed_total{state=\"waiting\"} ";
    let value = page.lines().find_map(|line| line.strip_prefix(series)).expect("a figure");
    value.parse().expect("a number")
}

/// A client that opens this many sockets and then some more, until it is stopped. It closes none.
fn crowd(service: &Service, sockets: usize, sent: &[u8], opened: &AtomicUsize, stop: &AtomicBool) {
    let mut held = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut connection = connect_as(service, CROWD);
        // The service may close the connection before it has received all bytes.
        let _ = connection.send(sent);
        held.push(connection);
        if held.len() > sockets {
            pause(Duration::from_millis(5));
        }
        opened.fetch_add(1, Ordering::Relaxed);
    }
}

/// Stops the crowd, even if a test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn one_client_with_thousands_of_sockets_blocks_no_other() {
    let (max, sockets) = if is_long() { (4_096, 9_000) } else { (64, 150) };
    let pipelined = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50);
    let kinds: [(&str, &[u8]); 4] = [
        ("that say nothing", b""),
        ("in half a head", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        (
            "after one byte of a body",
            b"POST /auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
        ),
        ("that take no answer", &pipelined),
    ];
    for (number, (kind, sent)) in kinds.into_iter().enumerate() {
        let folder = TempFolder::new();
        let service = program(&folder, max).start();
        let what =
            format!("/health/live of another client, beside {sockets} sockets {kind}, MAX_CONNECTIONS {max}");
        let (opened, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let _stop = StopAtEnd(&stop);
            scope.spawn(|| crowd(&service, sockets, sent, &opened, &stop));
            until("all sockets open", || opened.load(Ordering::Relaxed) >= sockets);
            let used = (service.processor_time(), Instant::now(), opened.load(Ordering::Relaxed));
            // Less than the timeout after which the service would close a socket of the crowd anyway.
            one_of_three_within(HEADER_TIMEOUT / 2, &what, || slowest_of(20, &service));
            let share = (service.processor_time() - used.0).as_secs_f64() / used.1.elapsed().as_secs_f64();
            let rate = (opened.load(Ordering::Relaxed) - used.2) as f64 / used.1.elapsed().as_secs_f64();
            println!(
                "beside sockets {kind}: {:.0} % of a core at {rate:.0} new ones a second",
                share * 100.0
            );
        });
        // With so many sockets, most requests are refused for their bodies before enough connections wait.
        if is_long() && number == 2 {
            continue;
        }
        assert!(shed(&service) > 0, "sockets {kind}");
        service.wait_for("closing connections for new ones");
        // The service logs one warning per minute. It may concern a new connection that was refused before its network
        // was known.
        let log = service.stop();
        assert!(!log.contains("network=") || log.contains(&format!("network={CROWD}")), "{log}");
    }
}

/// Sends requests as another client on new connections, and returns the duration of the slowest.
fn slowest_of(asked: usize, service: &Service) -> Duration {
    let ask = |_| {
        let begun = Instant::now();
        connect_as(service, GUEST).call(&Call::get("/health/live")).expect("an answer").expect(200);
        begun.elapsed()
    };
    (0..asked).map(ask).max().unwrap_or_default()
}

#[test]
fn an_office_behind_one_address_has_room() {
    let folder = TempFolder::new();
    let service = program(&folder, 4_096).start();
    let live = Call::get("/health/live");
    loop {
        let begun = Instant::now();
        let mut office: Vec<Connection> = (0..500).map(|_| connect_as(&service, CROWD)).collect();
        let answered = office.iter_mut().flat_map(|person| [person.call(&live), person.call(&live)]);
        let refused =
            answered.filter(|answer| !answer.as_ref().is_ok_and(|answer| answer.status == 200)).count();
        // If the machine stands still, the first connections reach the idle timeout.
        if begun.elapsed() < HEADER_TIMEOUT {
            assert_eq!(refused, 0);
            assert_eq!(shed(&service), 0);
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn the_proxy_itself_is_never_closed_for_others() {
    let folder = TempFolder::new();
    let service = program(&folder, 16).start();
    let live = Call::get("/health/live");
    let mut checks: Vec<Connection> = (0..8).map(|_| connect_as_proxy(&service)).collect();
    let ask = |checks: &mut Vec<Connection>| {
        for check in checks {
            check.call(&live).expect("an answer").expect(200);
        }
    };
    ask(&mut checks);
    let mut strangers = Vec::new();
    for n in 0..100 {
        let mut stranger = connect_as(&service, &format!("198.51.100.{n}"));
        stranger.call(&live).expect("an answer").expect(200);
        strangers.push(stranger);
        // Keep these connections below the idle timeout.
        if n % 10 == 0 {
            ask(&mut checks);
        }
    }
    assert!(shed(&service) >= 80, "{}", shed(&service));
    ask(&mut checks);
    // A new connection of the proxy is not closed either, although the service is full.
    let mut more: Vec<Connection> = (0..8).map(|_| connect_as_proxy(&service)).collect();
    ask(&mut more);
    ask(&mut checks);
}
