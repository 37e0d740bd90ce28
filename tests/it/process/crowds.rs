//! Many clients that cost something and want nothing: they are held within bounds, and everybody else is served.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use inwren_tests::process::{Call, Connection, Program, Service, pause};
use inwren_tests::stores::TempFolder;

use super::client::{PASSWORD, join, login};
use super::database::Storage;

/// What so many connections may cost each, their buffers included.
const BYTES_EACH: u64 = 40 * 1024;
/// What a process takes and does not give back while it works, whatever it works at.
const WARMTH: u64 = 24 * 1024 * 1024;

fn start(folder: &TempFolder) -> Service {
    let service = Program::new(folder.path()).env("DATABASE_URL", "memory:").start();
    // What a first request costs once is not the crowd's.
    join(&mut service.connect(), "ann@example.org").expect("an answer");
    service
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

/// Asks again and again for a while, and tells how long the answers took: how many there were, and the 99th percentile.
fn others(service: &Service, time: Duration) -> (usize, Duration) {
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < time {
        let asked = Instant::now();
        service.call(&Call::get("/health")).expect(200);
        took.push(asked.elapsed());
        pause(Duration::from_millis(5));
    }
    took.sort();
    (took.len(), took[took.len() * 99 / 100])
}

/// Checks what a crowd costs while it is there, and tells it.
#[track_caller]
fn measure(what: &str, crowd: usize, before: u64, service: &Service) {
    let (asked, p99) = others(service, Duration::from_secs(2));
    let memory = service.resident();
    println!(
        "{what}: {asked} others sent, {asked} answered, p99 {p99:.1?}; memory {} MiB before, {} MiB with {crowd}",
        mib(before),
        mib(memory)
    );
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
    assert!(memory < before + WARMTH + BYTES_EACH * crowd as u64, "{before} before, {memory} with {crowd}");
}

/// Waits until the service has closed them all.
fn closed(crowd: Vec<Connection>) -> usize {
    crowd.into_iter().map(|mut connection| connection.rest()).filter(Result::is_ok).count()
}

#[test]
fn slow_headers() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    let begun = Instant::now();
    let mut crowd: Vec<Connection> = (0..300).map(|_| service.connect()).collect();
    for connection in &mut crowd {
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    }
    let trickle = |crowd: &mut Vec<Connection>| {
        for connection in crowd {
            // One that is closed already is what this is about.
            let _ = connection.send(b"X-Slow: 1\r\n");
        }
    };
    trickle(&mut crowd);
    measure("slowloris in 300 headers", 300, before, &service);
    while begun.elapsed() < Duration::from_secs(9) {
        trickle(&mut crowd);
        pause(Duration::from_millis(500));
    }
    // The trickle has ended, but it is not from its end that the time counts.
    closed(crowd);
    let took = begun.elapsed();
    println!("slowloris in 300 headers: all closed after {took:.1?}");
    assert!(took < Duration::from_secs(16), "{took:?}");
}

#[test]
fn slow_bodies() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    let begun = Instant::now();
    let mut crowd: Vec<Connection> = (0..300).map(|_| service.connect()).collect();
    for (number, connection) in crowd.iter_mut().enumerate() {
        let framing = if number % 2 == 0 { "Content-Length: 60000" } else { "Transfer-Encoding: chunked" };
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        connection.send(head.as_bytes()).unwrap();
    }
    measure("slowloris in 300 bodies", 300, before, &service);
    while begun.elapsed() < Duration::from_secs(23) {
        for connection in &mut crowd {
            let _ = connection.send(b"1\r\n \r\n");
        }
        pause(Duration::from_secs(1));
    }
    let told = crowd.iter_mut().filter_map(|connection| connection.receive().ok());
    let told = told.filter(|answer| answer.status == 408).count();
    let took = begun.elapsed();
    println!("slowloris in 300 bodies: {told} told 408, all over after {took:.1?}");
    assert_eq!(told, 300);
    assert!(took < Duration::from_secs(35), "{took:?}");
}

#[test]
fn idle_connections() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let before = service.resident();
    let begun = Instant::now();
    let mut crowd: Vec<Connection> = (0..2_000).map(|_| service.connect()).collect();
    // Half of them have asked something before.
    for connection in crowd.iter_mut().step_by(2) {
        connection.call(&Call::get("/health/live")).unwrap().expect(200);
    }
    measure("2000 idle connections", 2_000, before, &service);
    closed(crowd);
    let took = begun.elapsed();
    println!("2000 idle connections: all closed after {took:.1?}; memory {} MiB", mib(service.resident()));
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn half_closed_sockets() {
    let folder = TempFolder::new();
    let service = start(&folder);
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", service.id())).expect("its files").count();
    let before = descriptors();
    let beginnings = [
        "",
        "GET / HTTP/1.1\r\nHost: a",
        "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ];
    let begun = Instant::now();
    let crowd: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = TcpStream::connect(service.address()).unwrap();
            stream.write_all(beginnings[number % 3].as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream
        })
        .collect();
    let most = descriptors();
    for mut stream in crowd {
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).expect("an end");
    }
    let took = begun.elapsed();
    service.call(&Call::get("/health")).expect(200);
    let after = descriptors();
    println!(
        "300 half-closed sockets: all closed by the service after {took:.1?}; descriptors {before} before, {most} at most, \
         {after} after"
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(after < before + 20, "{before} before, {after} after");
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
    let begun = Instant::now();
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
    let (asked, p99) = others(&service, Duration::from_secs(1));
    let memory = service.resident();
    println!(
        "answers that nobody takes: at least {sent} requests pipelined on 20 connections; {asked} others answered, p99 \
         {p99:.1?}; memory {} MiB before, {} MiB with them",
        mib(before),
        mib(memory)
    );
    assert!(memory < before + WARMTH + 20 * (2 << 20), "{before} before, {memory} with them");
    // They are closed though they have never been quiet: a write finds out.
    while begun.elapsed() < Duration::from_secs(60) && !crowd.is_empty() {
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
    assert!(service.log().contains("limit on open files"), "{}", service.log());
    let crowd: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(service.address()).unwrap()).collect();
    pause(Duration::from_millis(500));
    let (begun, used) = (Instant::now(), service.processor_time());
    pause(Duration::from_secs(3));
    let share = (service.processor_time() - used).as_secs_f64() / begun.elapsed().as_secs_f64();
    drop(crowd);
    let begun = Instant::now();
    service.call(&login("ann@example.org", PASSWORD)).expect(200);
    let took = begun.elapsed();
    println!(
        "600 connections at ulimit -n 150: {:.1} % of a core while they wait; first login {took:.1?} after they left",
        share * 100.0
    );
    assert!(share < 0.25, "{share}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!service.log().contains("could not be accepted"), "{}", service.log());
}
