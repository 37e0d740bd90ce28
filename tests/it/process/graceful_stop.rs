//! SIGTERM and SIGINT: whoever was let in is answered, and nobody keeps the service from stopping.

use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::process::{Call, Connection, Program, Service, pause};
use inwren_tests::stores::TempFolder;

use super::client::{Tokens, join, login, me, refresh};
use super::database::Storage;
use super::load::Load;

const CLIENTS: usize = 8;
const GRACE: Duration = Duration::from_secs(3);

/// By default a stop goes on to listen for so long.
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
        let mut service = program(&folder).env("DATABASE_URL", storage.url()).start();
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
        let status = service.wait(GRACE + Duration::from_secs(2));
        assert_eq!(status.code(), Some(0), "{}", service.log());
        let took = begun.elapsed();
        println!(
            "SIG{signal} under load on {}: {total} sent, {total} answered, stopped in {took:?}",
            storage.name()
        );
        assert!(service.log().contains("stopped") && !service.log().contains("still in flight"));
    }
}

/// Calls on one connection until the service says that it closes it. Every request gets its answer.
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

/// Clients that have sent a part of something, and then nothing.
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
    // These have been accepted once somebody who came after them is answered.
    service.call(&Call::get("/health")).expect(200);
    stalled
}

#[test]
fn stalled_clients_do_not_keep_the_service_from_stopping() {
    let folder = TempFolder::new();
    let mut service = program(&folder).start();
    let _clients = stalled(&service);
    let begun = Instant::now();
    service.signal("TERM");
    let status = service.wait(GRACE + Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{}", service.log());
    let took = begun.elapsed();
    println!("SIGTERM with stalled clients: stopped in {took:?}, grace {GRACE:?}");
    assert!(took < GRACE + Duration::from_secs(1), "{took:?}");
}

#[test]
fn half_a_header_does_not_use_the_grace_up() {
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
    let begun = Instant::now();
    service.signal("TERM");
    assert_eq!(service.wait(Duration::from_secs(30)).code(), Some(0), "{}", service.log());
    let took = begun.elapsed();
    println!("SIGTERM with 50 clients in their headers, grace 60 s: stopped in {took:.1?}");
    assert!(took < NOTICE + Duration::from_secs(5), "{took:?}");
}

#[test]
fn it_says_that_it_stops_before_it_closes() {
    let folder = TempFolder::new();
    let mut service = program(&folder).env("SHUTDOWN_NOTICE_SECONDS", "2").start();
    let load = Load::start(service.address(), CLIENTS, "user");
    load.wait_for(100);
    let (begun, mut told, mut first) = (Instant::now(), 0, None);
    service.signal("TERM");
    while let Ok(mut newcomer) = Connection::open(service.address()) {
        let answer = newcomer.call(&Call::get("/health")).expect("an answer");
        if answer.status == 503 {
            assert_eq!(
                (answer.text("status").as_str(), answer.header("connection")),
                ("stopping", Some("close"))
            );
            first.get_or_insert(begun.elapsed());
            told += 1;
        }
        pause(Duration::from_millis(20));
    }
    let closed = begun.elapsed();
    let ended = load.finish();
    assert_eq!(service.wait(Duration::from_secs(10)).code(), Some(0), "{}", service.log());
    println!(
        "SIGTERM with a notice of 2 s: /health said 503 after {:.0?} and {told} times, the listener closed after \
         {closed:.1?}, the process ended after {:.1?}; {}",
        first.unwrap_or_default(),
        begun.elapsed(),
        ended.figures()
    );
    assert!(told > 3 && closed > Duration::from_secs(1), "{told} times, {closed:?}");
    let failed: Vec<_> = ended.calls.iter().filter(|made| !made.is_success()).collect();
    // Whoever connects in the very moment in which the listener closes was never accepted.
    let is_cut_off = failed.len() == 1 && format!("{failed:?}").contains("Lost(ConnectionReset)");
    assert!(failed.is_empty() || is_cut_off, "{failed:?}");
}

#[test]
fn an_idle_service_stops_at_once() {
    let folder = TempFolder::new();
    let mut service = program(&folder).start();
    let mut idle = service.connect();
    idle.call(&Call::get("/health")).expect("an answer").expect(200);
    let begun = Instant::now();
    service.signal("TERM");
    assert_eq!(service.wait(GRACE).code(), Some(0));
    assert!(begun.elapsed() < NOTICE + Duration::from_secs(1), "{:?}", begun.elapsed());
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
    let status = service.wait(Duration::from_secs(10));
    assert_eq!(status.code(), Some(1), "{}", service.log());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn a_signal_ends_the_wait_for_a_database() {
    let folder = TempFolder::new();
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let program = program(&folder).env("DATABASE_URL", format!("postgres://inwren@{closed}/inwren"));
    let mut waiting = program.spawn();
    waiting.wait_for("does not answer yet");
    let begun = Instant::now();
    waiting.signal("TERM");
    assert_eq!(waiting.wait(Duration::from_secs(10)).code(), Some(0), "{}", waiting.log());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn new_clients_are_turned_away_while_it_stops() {
    let folder = TempFolder::new();
    let service = program(&folder).start();
    let _clients = stalled(&service);
    service.signal("TERM");
    service.wait_for("stopping");
    // Whoever comes late is answered for a moment, and then finds nobody.
    let begun = Instant::now();
    while let Ok(mut late) = Connection::open(service.address()) {
        let _ = late.call(&login("nobody@example.org", "whatever it was"));
        assert!(begun.elapsed() < GRACE, "still listening");
    }
}
