//! Floods of expensive or useless connections: the service bounds their cost and serves other clients meanwhile.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use inwren_tests::is_long;
use inwren_tests::process::{Call, Connection, PATIENCE, Program, Service, pause, until};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, join, login, register};
use crate::process::support::database::Storage;
use crate::process::support::times::{BODY_GRACE, HEADER_TIMEOUT, SLACK};

/// Largest memory per connection of a crowd, buffers included.
const BYTES_EACH: u64 = 40 * 1024;
/// Memory that a process allocates during any work and does not return.
const WARMTH: u64 = 24 * 1024 * 1024;

fn start(folder: &TempFolder) -> Service {
    let service = Program::new(folder.path()).env("DATABASE_URL", "memory:").start();
    // The first requests allocate memory that stays in use. Do not count that as the crowd's.
    join(&mut service.connect(), "ann@example.org").expect("an answer");
    service
}

/// Number of open file descriptors of the process.
fn descriptors(service: &Service) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", service.id())).expect("its files").count()
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

/// Response times of the other clients.
struct Others {
    asked: usize,
    median: Duration,
    p99: Duration,
}

/// Sends requests for a while. The limit on the median holds for an unloaded service on a slow machine too, and a
/// moment in which the machine stands still does not change the median.
#[track_caller]
fn others(service: &Service, time: Duration) -> Others {
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < time {
        let asked = Instant::now();
        service.call(&Call::get("/health")).expect(200);
        took.push(asked.elapsed());
        pause(Duration::from_millis(5));
    }
    took.sort();
    let at = |percent: usize| took[took.len() * percent / 100];
    let others = Others { asked: took.len(), median: at(50), p99: at(99) };
    let Others { median, p99, .. } = others;
    assert!(median < Duration::from_secs(1) && p99 < SLACK, "{median:?}, {p99:?}");
    others
}

/// Checks and prints the cost of a crowd while it is connected.
#[track_caller]
fn measure(what: &str, crowd: usize, before: u64, service: &Service) {
    // On a slow machine, the service may have closed some connections by the end of the measurement.
    let at_once = service.resident();
    let Others { asked, median, p99 } = others(service, Duration::from_secs(2));
    let memory = service.resident().max(at_once);
    println!(
        "{what}: {asked} others sent, {asked} answered, median {median:.1?}, p99 {p99:.1?}; memory {} MiB before, \
         {} MiB with {crowd}",
        mib(before),
        mib(memory)
    );
    assert!(memory < before + WARMTH + BYTES_EACH * crowd as u64, "{before} before, {memory} with {crowd}");
}

/// Waits until the service has closed all connections.
#[track_caller]
fn all_closed(crowd: Vec<Connection>) {
    for mut connection in crowd {
        // Any kind of end is fine. Only an open connection times out.
        let end = connection.rest().map_or_else(|error| error.kind(), |_| ErrorKind::UnexpectedEof);
        assert!(!matches!(end, ErrorKind::WouldBlock | ErrorKind::TimedOut), "one stays open");
    }
}

/// Sends these bytes on each connection until the service has closed all.
#[track_caller]
fn closed_though_fed(crowd: &mut Vec<Connection>, bytes: &[u8]) {
    let begun = Instant::now();
    while !crowd.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{} stay open", crowd.len());
        crowd.retain_mut(|connection| connection.send(bytes).is_ok());
        pause(Duration::from_millis(500));
    }
}

#[test]
fn slow_headers() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    let open = |_| {
        let mut connection = service.connect();
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
        connection
    };
    let mut crowd: Vec<Connection> = (0..300).map(open).collect();
    let begun = Instant::now();
    measure("slowloris in 300 headers", 300, before, &service);
    // The timeout starts with the headers: bytes that keep coming do not extend it.
    closed_though_fed(&mut crowd, b"X-Slow: 1\r\n");
    let took = begun.elapsed();
    println!("slowloris in 300 headers: all closed after {took:.1?}");
    assert!(took < HEADER_TIMEOUT + SLACK, "{took:?}");
}

#[test]
fn slow_bodies() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    let begun = Instant::now();
    let open = |number: usize| {
        let framing =
            if number.is_multiple_of(2) { "Content-Length: 60000" } else { "Transfer-Encoding: chunked" };
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        let mut connection = service.connect();
        connection.send(head.as_bytes()).unwrap();
        connection
    };
    let mut crowd: Vec<Connection> = (0..300).map(open).collect();
    let complete = Instant::now();
    measure("slowloris in 300 bodies", 300, before, &service);
    // A client that is still sending when the service closes the connection may lose the response. So most of the
    // clients stop sending in time.
    let mut fed = crowd.split_off(200);
    while begun.elapsed() < BODY_GRACE / 2 {
        for connection in crowd.iter_mut().chain(&mut fed) {
            connection.send(b"1\r\n \r\n").unwrap();
        }
        pause(Duration::from_secs(1));
    }
    closed_though_fed(&mut fed, b"1\r\n \r\n");
    let told = crowd.iter_mut().filter_map(|connection| connection.receive().ok());
    let told = told.filter(|answer| answer.status == 408).count();
    let took = complete.elapsed();
    println!("slowloris in 300 bodies: {told} of 200 told 408, all over after {took:.1?}");
    assert_eq!(told, 200);
    assert!(took < BODY_GRACE + SLACK, "{took:?}");
}

#[test]
fn idle_connections() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    // Half of the clients send a request first, immediately after they connect: on a slow machine, the first
    // connections reach the idle timeout before the last one opens.
    let open = |number: usize| {
        let mut connection = service.connect();
        if number.is_multiple_of(2) {
            connection.call(&Call::get("/health/live")).unwrap().expect(200);
        }
        connection
    };
    let crowd: Vec<Connection> = (0..2_000).map(open).collect();
    let (begun, open) = (Instant::now(), descriptors(&service));
    measure("2000 idle connections", 2_000, before, &service);
    all_closed(crowd);
    let took = begun.elapsed();
    println!(
        "2000 idle connections: {open} descriptors with all, all closed after {took:.1?}; memory {} MiB",
        mib(service.resident())
    );
    assert!(took < HEADER_TIMEOUT + SLACK, "{took:?}");
    until("all descriptors closed", || descriptors(&service) < 100);
}

#[test]
fn half_closed_sockets() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = descriptors(&service);
    let beginnings = [
        "",
        "GET / HTTP/1.1\r\nHost: a",
        "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ];
    let crowd: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = TcpStream::connect(service.address()).unwrap();
            stream.write_all(beginnings[number % 3].as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream
        })
        .collect();
    let (begun, most) = (Instant::now(), descriptors(&service));
    for mut stream in crowd {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).expect("an end");
    }
    let took = begun.elapsed();
    service.call(&Call::get("/health")).expect(200);
    until("all descriptors closed", || descriptors(&service) < before + 20);
    println!(
        "300 half-closed sockets: all closed by the service after {took:.1?}; descriptors {before} before, {most} at most, \
         {} after",
        descriptors(&service)
    );
    // If the service did not detect the close, it would end these connections later, by the header timeout.
    assert!(took < HEADER_TIMEOUT, "{took:?}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let mut connection = service.connect();
    let paths = ["/health/live", "/", "/nowhere", "/health"];
    let all: String = (0..200).map(|n| format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", paths[n % 4])).collect();
    connection.send(all.as_bytes()).unwrap();
    for number in 0..200 {
        let answer = connection.receive().unwrap();
        assert_eq!(answer.status, if number % 4 == 2 { 404 } else { 200 }, "{number}: {answer:?}");
    }
    println!("pipelined: 200 sent at once, 200 answered in order");
}

#[test]
fn answers_that_nobody_takes() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    let request = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500);
    let mut sent = 0;
    let mut crowd: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(service.address()).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            for _ in 0..1_000 {
                if stream.write_all(request.as_bytes()).is_err() {
                    break;
                }
                sent += 500;
            }
            stream
        })
        .collect();
    let begun = Instant::now();
    let Others { asked, median, p99 } = others(&service, Duration::from_secs(1));
    let memory = service.resident();
    println!(
        "answers that nobody takes: at least {sent} requests pipelined on 20 connections; {asked} others answered, \
         median {median:.1?}, p99 {p99:.1?}; memory {} MiB before, {} MiB with them",
        mib(before),
        mib(memory)
    );
    assert!(memory < before + WARMTH + 20 * (2 << 20), "{before} before, {memory} with them");
    // The service closes them although they were never idle. A write detects that.
    while begun.elapsed() < PATIENCE && !crowd.is_empty() {
        crowd.retain_mut(|stream| {
            let outcome = stream.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            outcome.map_or_else(|error| error.kind() == std::io::ErrorKind::WouldBlock, |_| true)
        });
        pause(Duration::from_millis(500));
    }
    println!("answers that nobody takes: all 20 closed after {:.1?}", begun.elapsed());
    assert!(crowd.is_empty(), "{} are open still", crowd.len());
}

#[test]
fn more_connections_than_descriptors() {
    let (storage, folder) = (Storage::sqlite(), TempFolder::new());
    let service =
        Program::new(folder.path()).env("DATABASE_URL", storage.url()).after("ulimit -n 150").start();
    join(&mut service.connect(), "ann@example.org").unwrap();
    service.wait_for("limit on open files");
    let crowd: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(service.address()).unwrap()).collect();
    let share = || {
        let (begun, used) = (Instant::now(), service.processor_time());
        pause(Duration::from_secs(3));
        (service.processor_time() - used).as_secs_f64() / begun.elapsed().as_secs_f64()
    };
    // On a slow machine, the service may need some seconds to accept all connections that it has room for.
    let shares = [share(), share()];
    let share = shares[0].min(shares[1]);
    drop(crowd);
    let begun = Instant::now();
    service.call(&login("ann@example.org", PASSWORD)).expect(200);
    let took = begun.elapsed();
    println!(
        "600 connections at ulimit -n 150: {:.1} % of a core while they wait; first login {took:.1?} after they left",
        share * 100.0
    );
    assert!(share < 0.25, "{share}");
    assert!(took < SLACK, "{took:?}");
    assert!(!service.log().contains("could not be accepted"), "{}", service.log());
}

/// Clients of the crowd that send at the same time. They need more hashing than fits into the waiting time of an
/// unrecognised client.
const CROWD: usize = 120;
/// Clients that log in from other networks meanwhile. Each account allows 30 unrecognised clients per minute.
const NEWCOMERS: u8 = 60;
const ACCOUNTS: u8 = 3;

/// A network that no client has used before: one of the 524,288 of a customer with a /45, which is eight blocks.
fn network_of_the_customer(number: u32) -> String {
    let [block, network] = [number % 8, number / 8].map(|part| u16::try_from(part).expect("a network"));
    Ipv6Addr::new(0x2001, 0xdb8, block, network, 0, 0, 0, 1).to_string()
}

/// Fills the table of the limiter with calls that are counted and cost nothing else.
fn fill_the_limiter(service: &Service, next: &AtomicU32, calls: u32) {
    const AT_ONCE: u32 = 100;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = service.connect();
                for _ in 0..calls / 4 / AT_ONCE {
                    let call = |_| {
                        let network = network_of_the_customer(next.fetch_add(1, Ordering::Relaxed));
                        format!("POST /auth/login HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {network}\r\nContent-Length: 0\r\n\r\n")
                    };
                    connection.send((0..AT_ONCE).map(call).collect::<String>().as_bytes()).expect("a write");
                    for _ in 0..AT_ONCE {
                        assert!(connection.receive().expect("an answer").status >= 400);
                    }
                }
            });
        }
    });
}

#[test]
fn logins_from_the_networks_of_one_customer() {
    let folder = TempFolder::new();
    // One call per minute, so that a key of the limiter lives for a minute and every client is a different one.
    let service = Program::new(folder.path())
        .env("DATABASE_URL", "memory:")
        .env("TRUSTED_PROXIES", "127.0.0.0/8")
        .env("TRUSTED_PROXY_HEADER", "x-forwarded-for")
        .env("HASH_THREADS", "2")
        .env("ARGON2_MEMORY_KIB", "19456")
        .env("ARGON2_ITERATIONS", "2")
        .env("RATE_LIMIT_ENABLED", "true")
        .env("RATE_LIMIT_LOGIN", "1/minute")
        .start();
    let account = |number: u8| format!("user-{}@example.org", number % ACCOUNTS);
    for number in 0..ACCOUNTS {
        let from = Ipv4Addr::new(198, 51, 100, number).to_string();
        let register = register(&account(number), PASSWORD).header("X-Forwarded-For", &from);
        service.call(&register).expect(201);
    }
    let (next, stop, refused) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU32::new(0));
    let before = service.resident();
    if is_long() {
        fill_the_limiter(&service, &next, 120_000);
    }
    let served = std::thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                let mut connection = service.connect();
                while !stop.load(Ordering::Acquire) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let call = login(&format!("nobody-{number}@example.org"), PASSWORD)
                        .header("X-Forwarded-For", &network_of_the_customer(number));
                    match connection.call(&call) {
                        Ok(answer) => refused.fetch_add(u32::from(answer.status == 503), Ordering::Relaxed),
                        Err(_) => {
                            connection = service.connect();
                            0
                        }
                    };
                }
            });
        }
        pause(Duration::from_secs(1));
        let served = (0..NEWCOMERS).filter(|number| {
            let from = Ipv4Addr::new(203, 0, *number, 7).to_string();
            let call = login(&account(*number), PASSWORD).header("X-Forwarded-For", &from);
            service.call(&call).status == 200
        });
        let served = served.count();
        stop.store(true, Ordering::Release);
        served
    });
    println!(
        "{} logins from the networks of a /45, {} of them told 503: {served} of {NEWCOMERS} newcomers served; memory {} MiB \
         before, {} MiB after",
        next.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed),
        mib(before),
        mib(service.resident())
    );
    // If the machine stands still for a moment, some newcomers time out.
    assert!(served * 10 >= usize::from(NEWCOMERS) * 9, "{served} of {NEWCOMERS}");
}
