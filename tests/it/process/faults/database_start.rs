//! A database that is not available when the service starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Connection, Finished, pause};
use inwren_tests::stores::{GUARDED, PrivatePostgres, TempFolder};
use serde_json::json;

use super::program;
use crate::process::support::times::SLACK;

/// The error that a command printed: one line on standard error.
fn complaint(finished: Finished) -> String {
    assert_eq!(finished.errors.lines().count(), 1, "{}", finished.errors);
    finished.with_code(1).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_database_that_stays_away_is_waited_for_as_long_as_configured() {
    let folder = TempFolder::new();
    let url = format!("postgres://inwren:hunter2@127.0.0.1:{}/inwren", free_port());
    let finished = program(&folder, &url).env("DATABASE_CONNECT_TIMEOUT", "4").run();
    let (took, tries) = (finished.took, finished.output.matches("does not answer yet").count());
    let line = complaint(finished);
    println!(
        "no PostgreSQL, DATABASE_CONNECT_TIMEOUT 4 s: {tries} warnings, exit 1 after {took:.1?}: {line}"
    );
    assert!(line.contains("DATABASE_URL") && line.contains("DATABASE_CONNECT_TIMEOUT=4"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    assert!((1..10).contains(&tries), "{tries}");
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(7) + SLACK, "{took:?}");
}

#[test]
fn a_database_that_comes_in_time_is_used() {
    let (server, folder) = (PrivatePostgres::stopped(), TempFolder::new());
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let waiting = program(&folder, &server.url())
        .env("DATABASE_CONNECT_TIMEOUT", "600")
        .env("PORT", address.port().to_string())
        .spawn();
    waiting.wait_for("does not answer yet");
    let ask = move |call: Call| Connection::open(address).unwrap().call(&call).unwrap();
    let live = ask(Call::get("/health/live")).expect(200);
    assert_eq!(live.text("status"), "ok");
    let health = ask(Call::get("/health")).expect(503);
    assert_eq!((health.text("status").as_str(), health.header("retry-after")), ("unavailable", Some("2")));
    assert_eq!(health.json()["checks"]["database"], "unavailable");
    let login = ask(Call::post("/auth/login", &json!({ "email": "a@b.co", "password": "x" }))).expect(503);
    assert_eq!(login.text("type"), "/problems/unavailable");
    for answer in [live, health, login] {
        assert!(answer.header("retry-after").is_some() || answer.status == 200, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert!(answer.header("x-request-id").is_some(), "{answer:?}");
    }
    // No request is lost while the process hands over from the interim server to the service.
    let is_over = Arc::new(AtomicBool::new(false));
    let asking = [(); 4].map(|()| {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let answer = Connection::open(address).unwrap().call(&Call::get("/health/live"));
                // The handover closes a connection on which the client sent nothing for 250 ms, and a machine may stand
                // still for that long.
                if answer.is_ok() || begun.elapsed() < Duration::from_millis(250) {
                    answer.unwrap().expect(200);
                    asked += 1;
                }
            }
            asked
        })
    });
    server.start_again();
    let back = Instant::now();
    waiting.wait_for("is listening on");
    let took = back.elapsed();
    pause(Duration::from_millis(500));
    is_over.store(true, Ordering::Relaxed);
    let asked: u32 = asking.into_iter().map(|asking| asking.join().unwrap()).sum();
    println!("asked {asked} times meanwhile, and answered each time");
    println!("PostgreSQL came while the service waited: it is ready {took:.1?} later");
    assert!(took < Duration::from_secs(2) + SLACK, "{took:?}");
    ask(Call::get("/health")).expect(200);
}

#[test]
fn what_waiting_does_not_mend_is_told_at_once() {
    let (server, folder) = (PrivatePostgres::start(), TempFolder::new());
    server.ask(&format!("CREATE ROLE {GUARDED} LOGIN PASSWORD 'right'"));
    let port = server.port();
    let begin = |user: &str| format!("postgres://{user}@127.0.0.1:{port}");
    for (what, url) in [
        ("a wrong password", format!("{}/postgres", begin(&format!("{GUARDED}:hunter2")))),
        ("no such user", format!("{}/postgres", begin("nobody:hunter2"))),
        ("no such database", format!("{}/nowhere", begin("postgres:hunter2"))),
        ("no TLS", format!("{}/postgres?sslmode=require", begin("postgres:hunter2"))),
    ] {
        // The timeout is longer than any delay of a slow machine.
        let finished = program(&folder, &url).env("DATABASE_CONNECT_TIMEOUT", "600").run();
        let (took, tries) = (finished.took, finished.output.matches("does not answer yet").count());
        let line = complaint(finished);
        println!("{what}: exit 1 after {took:.1?}: {line}");
        assert!(line.contains("DATABASE_URL") && !line.contains("hunter2"), "{line}");
        assert_eq!(tries, 0, "it waited");
    }
    let right = program(&folder, &format!("{}/postgres", begin("postgres"))).start();
    right.call(&Call::get("/health")).expect(200);
}
