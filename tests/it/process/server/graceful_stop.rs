//! Graceful shutdown after SIGTERM and SIGINT: accepted requests get their responses, and no client keeps the service
//! from stopping.

use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Connection, PATIENCE, Program, Service, pause};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{Tokens, join, login, me, refresh};
use crate::process::support::database::Storage;
use crate::process::support::load::{Load, Made};
use crate::process::support::times::{SLACK, one_of_three_within};

const CLIENTS: usize = 8;
const GRACE: Duration = Duration::from_secs(3);

/// Default time in which the service still accepts connections after the signal.
const NOTICE: Duration = Duration::from_secs(1);

fn program(folder: &TempFolder) -> Program {
    Program::new(folder.path())
        .env("DATABASE_URL", "memory:")
        .env("SHUTDOWN_GRACE_SECONDS", GRACE.as_secs().to_string())
}

#[test]
fn a_stop_under_load_drops_no_request() {
    for (signal, storage) in ["TERM", "INT"].into_iter().zip(Storage::each()) {
        let folder = TempFolder::new();
        // A notice long enough for every client to send one more request, on a slow machine too.
        let mut service = program(&folder)
            .env("DATABASE_URL", storage.url())
            .env("SHUTDOWN_NOTICE_SECONDS", "5")
            .env("SHUTDOWN_GRACE_SECONDS", "60")
            .start();
        let (answered, answers) = channel();
        let address = service.address();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let answered = answered.clone();
                thread::spawn(move || call_until_closed(address, client, &answered))
            })
            .collect();
        drop(answered);
        assert_eq!(answers.iter().take(400).count(), 400, "the service went away by itself");
        let begun = Instant::now();
        service.signal(signal);
        let total: usize = clients.into_iter().map(|client| client.join().expect("no request dropped")).sum();
        let status = service.wait(PATIENCE);
        assert_eq!(status.code(), Some(0), "{}", service.log());
        let took = begun.elapsed();
        println!(
            "SIG{signal} under load on {}: {total} sent, {total} answered, stopped in {took:?}",
            storage.name()
        );
        assert!(service.log().contains("stopped") && !service.log().contains("still in flight"));
    }
}

/// Sends requests on one connection until the service announces its end. Every request gets its response.
fn call_until_closed(address: SocketAddr, client: usize, answered: &Sender<()>) -> usize {
    let mut connection = Connection::open(address).expect("a connection");
    let mut tokens = join(&mut connection, &format!("user-{client}@example.org")).expect("an answer");
    for sent in 3_usize.. {
        let call = if sent % 3 == 0 { refresh(&tokens.refresh) } else { me(&tokens.access) };
        let answer = connection.call(&call).expect("an answer to every request");
        assert_eq!(answer.status, 200, "{answer:?}");
        if sent % 3 == 0 {
            tokens = Tokens::of(&answer);
        }
        let _ = answered.send(());
        if answer.header("connection") == Some("close") {
            return sent;
        }
    }
    unreachable!("the service stops")
}

/// Clients that send a part of a request and then nothing.
fn stalled(service: &Service) -> Vec<Connection> {
    let beginnings = [
        "",
        "GET / HTTP/1.1\r\nHost: a",
        "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ];
    let stall = |beginning: &&str| {
        let mut connection = service.connect();
        connection.send(beginning.as_bytes()).expect("bytes to be sent");
        connection
    };
    let stalled = beginnings.iter().map(stall).collect();
    // When a later client gets a response, the service has accepted these connections.
    service.call(&Call::get("/health")).expect(200);
    stalled
}

#[test]
fn stalled_clients_do_not_keep_the_service_from_stopping() {
    let what = format!("SIGTERM with stalled clients, grace {GRACE:?}");
    one_of_three_within(GRACE + Duration::from_secs(2), &what, || {
        let folder = TempFolder::new();
        let mut service = program(&folder).start();
        let _clients = stalled(&service);
        stopped_after(&mut service)
    });
}

/// Sends SIGTERM, and returns how long shutdown took.
#[track_caller]
fn stopped_after(service: &mut Service) -> Duration {
    let begun = Instant::now();
    service.signal("TERM");
    assert_eq!(service.wait(PATIENCE).code(), Some(0), "{}", service.log());
    begun.elapsed()
}

#[test]
fn half_a_header_does_not_use_the_grace_up() {
    let what = "SIGTERM with 50 clients in their headers, grace 60 s";
    one_of_three_within(NOTICE + Duration::from_secs(5), what, || {
        let folder = TempFolder::new();
        let mut service = program(&folder).env("SHUTDOWN_GRACE_SECONDS", "60").start();
        let _stalled: Vec<Connection> = (0..50)
            .map(|number| {
                let mut connection = service.connect();
                connection.send(&b"GET / HTTP/1.1\r\nHost: a"[..number % 20]).expect("bytes to be sent");
                connection
            })
            .collect();
        service.call(&Call::get("/health")).expect(200);
        stopped_after(&mut service)
    });
}

#[test]
fn it_says_that_it_stops_before_it_closes() {
    let mut stops = Vec::new();
    while stops.len() < 3 {
        let stop = Stop::under_load();
        if stop.is_graceful() {
            return;
        }
        println!("{stop:?}");
        stops.push(stop);
    }
    panic!("requests are lost: {stops:?}");
}

/// Failures of clients that connected during shutdown.
#[derive(Debug)]
struct Stop {
    failed: Vec<Made>,
    /// Longest interval between two requests of a client that sends all the time.
    standstill: Duration,
}

impl Stop {
    /// Two kinds of clients may fail: one that connects at the very moment at which the listener closes, because its
    /// connection was never accepted, and one that connects and then sends nothing for 250 ms. The second kind occurs
    /// only if the machine stands still for that long. Then every client may be affected.
    fn is_graceful(&self) -> bool {
        let most = if self.standstill < Duration::from_millis(125) { 1 } else { CLIENTS };
        let is_too_late = |made: &Made| made.is_first && made.status().is_none();
        self.failed.len() <= most && self.failed.iter().all(is_too_late)
    }

    fn under_load() -> Self {
        let folder = TempFolder::new();
        // The notice is a part of the grace.
        let mut service =
            program(&folder).env("SHUTDOWN_NOTICE_SECONDS", "3").env("SHUTDOWN_GRACE_SECONDS", "60").start();
        let load = Load::start(service.address(), CLIENTS, "user");
        load.wait_for(100);
        let (begun, mut told, mut first) = (Instant::now(), 0, None);
        let (mut turn, mut standstill) = (Instant::now(), Duration::ZERO);
        service.signal("TERM");
        while let Ok(mut newcomer) = Connection::open(service.address()) {
            let Ok(answer) = newcomer.call(&Call::get("/health")) else { break };
            if answer.status == 503 {
                assert_eq!(
                    (answer.text("status").as_str(), answer.header("connection")),
                    ("stopping", Some("close"))
                );
                first.get_or_insert(begun.elapsed());
                told += 1;
            }
            pause(Duration::from_millis(20));
            standstill = standstill.max(turn.elapsed());
            turn = Instant::now();
        }
        let closed = begun.elapsed();
        standstill = standstill.max(turn.elapsed());
        let ended = load.finish();
        assert_eq!(service.wait(PATIENCE).code(), Some(0), "{}", service.log());
        println!(
            "SIGTERM with a notice of 3 s: /health said 503 after {:.0?} and {told} times, the listener closed after \
             {closed:.1?}, the process ended after {:.1?}; the longest standstill was {standstill:.0?}; {}",
            first.unwrap_or_default(),
            begun.elapsed(),
            ended.figures()
        );
        assert!(told > 0 && closed > Duration::from_secs(2), "{told} times, {closed:?}");
        Self { failed: ended.calls.into_iter().filter(|made| !made.is_success()).collect(), standstill }
    }
}

#[test]
fn an_idle_service_stops_at_once() {
    one_of_three_within(NOTICE + Duration::from_secs(2), "SIGTERM while nobody asks, grace 60 s", || {
        let folder = TempFolder::new();
        let mut service = program(&folder).env("SHUTDOWN_GRACE_SECONDS", "60").start();
        let mut idle = service.connect();
        idle.call(&Call::get("/health")).expect("an answer").expect(200);
        stopped_after(&mut service)
    });
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = TempFolder::new();
    let mut service = program(&folder).env("SHUTDOWN_GRACE_SECONDS", "3600").start();
    let _clients = stalled(&service);
    service.signal("TERM");
    service.wait_for("stopping");
    let begun = Instant::now();
    service.signal("TERM");
    // If the second signal had no effect, the service would wait for the clients and exit with code 0.
    let status = service.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "{}", service.log());
    println!("a second SIGTERM, grace 1 h: stopped after {:.1?}", begun.elapsed());
}

#[test]
fn a_signal_ends_the_wait_for_a_database() {
    let folder = TempFolder::new();
    let closed = format!("postgres://inwren@127.0.0.1:{}/inwren", free_port());
    let program = program(&folder).env("DATABASE_URL", closed).env("DATABASE_CONNECT_TIMEOUT", "3600");
    let mut waiting = program.spawn();
    waiting.wait_for("does not answer yet");
    let begun = Instant::now();
    waiting.signal("TERM");
    // If the signal did not end the wait, the service would wait for an hour.
    assert_eq!(waiting.wait(PATIENCE).code(), Some(0), "{}", waiting.log());
    println!("SIGTERM while it waits for a database: stopped after {:.1?}", begun.elapsed());
}

#[test]
fn new_clients_are_turned_away_while_it_stops() {
    let folder = TempFolder::new();
    let service = program(&folder).env("SHUTDOWN_GRACE_SECONDS", "3600").start();
    let _clients = stalled(&service);
    service.signal("TERM");
    service.wait_for("stopping");
    // Late clients get a response for a moment. After that, the listener is closed.
    let begun = Instant::now();
    while let Ok(mut late) = Connection::open(service.address()) {
        let _ = late.call(&login("nobody@example.org", "whatever it was"));
        // Less than the timeout of the stalled clients, after which the service would exit.
        assert!(begun.elapsed() < SLACK, "still listening");
    }
}
