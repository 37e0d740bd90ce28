//! SQLite's file cannot be written, is locked, or is not a database.

use std::fs;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::process::{Call, Service, pause};
use inwren_tests::stores::TempFolder;
use sea_orm_migration::sea_orm::{ConnectOptions, ConnectionTrait as _, Database};
use serde_json::Value;

use super::{CLIENTS, program};
use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh, register};
use crate::process::support::database::{Storage, block_on};
use crate::process::support::load::Load;
use crate::process::support::times::SLACK;

/// Limits the size of files that the process writes, as a full disk would. `unlimited` removes the limit.
fn limit_files(service: &Service, bytes: &str) {
    let pid = service.id().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let set = Command::new("prlimit").args(["--pid", &pid, &limit]).output().expect("prlimit, of util-linux");
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

#[test]
fn a_file_that_cannot_grow_refuses_writes_and_still_reads() {
    let (storage, folder) = (Storage::sqlite(), TempFolder::new());
    // Ignore SIGXFSZ: otherwise the signal ends a process that reaches the limit.
    let service = program(&folder, &storage.url()).after("trap '' XFSZ").start();
    let tokens = join(&mut service.connect(), "ann@example.org").unwrap();
    let load = Load::start(service.address(), CLIENTS, "user");
    load.wait_for(100);
    // The write-ahead log is far larger than this limit, so every write fails.
    limit_files(&service, "4096");
    pause(Duration::from_secs(1));
    let (mut slowest, mut unavailable) = (Duration::ZERO, 0);
    for number in 0..20 {
        let begun = Instant::now();
        let refused = service.call(&register(&format!("new-{number}@example.org"), PASSWORD)).expect(503);
        // On a slow machine, some requests are refused before they reach the file.
        unavailable += usize::from(refused.text("code") == "unavailable");
        slowest = slowest.max(begun.elapsed());
        service.call(&me(&tokens.access)).expect(200);
    }
    assert!(unavailable > 10, "{unavailable}");
    limit_files(&service, "unlimited");
    let back = Instant::now();
    load.wait_for(50);
    let healed = back.elapsed();
    load.is_well("SQLite's disk full");
    let ended = load.finish();
    println!(
        "SQLite's disk full: {}; 20 reads meanwhile, 20 with 200; 50 successes {healed:.1?} after",
        ended.figures()
    );
    ended.check_answers();
    let users = ended.check_all(&service);
    println!("SQLite's disk full: all that was answered to {users} users holds");
    assert!(slowest < SLACK, "{slowest:?}");
    assert!(!service.log().contains("panicked"), "{}", service.log());
    service.stop();
    let told: String = storage.ask("PRAGMA integrity_check")[0].try_get("", "integrity_check").unwrap();
    assert_eq!(told, "ok");
}

/// Locks the file from outside until the caller drops the returned sender.
fn lock(url: String, how: &'static str) -> (std::sync::mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (release, released) = channel::<()>();
    let (held, holds) = channel();
    let holder = thread::spawn(move || {
        block_on(async {
            let mut options = ConnectOptions::new(url);
            options.max_connections(1).sqlx_logging(false);
            let connection = Database::connect(options).await.expect("a connection");
            connection.execute_unprepared("PRAGMA busy_timeout = 20000").await.expect("patience");
            connection.execute_unprepared(how).await.expect("a lock");
            held.send(()).expect("somebody who waits");
            let _ = released.recv();
            connection.execute_unprepared("ROLLBACK").await.expect("an end");
            connection.close().await.expect("a closed connection");
        });
    });
    holds.recv().expect("a lock that is held");
    (release, holder)
}

#[test]
fn a_file_that_another_process_has_locked_is_not_waited_for() {
    let (storage, folder) = (Storage::sqlite(), TempFolder::new());
    let service = program(&folder, &storage.url()).start();
    let tokens = join(&mut service.connect(), "ann@example.org").unwrap();
    let (release, holder) = lock(storage.url(), "BEGIN IMMEDIATE");
    let mut slowest = Duration::ZERO;
    for number in 0..4 {
        for call in [register(&format!("new-{number}@example.org"), PASSWORD), refresh(&tokens.refresh)] {
            let begun = Instant::now();
            let refused = service.call(&call).expect(503);
            slowest = slowest.max(begun.elapsed());
            assert!(refused.header("retry-after").is_some(), "{refused:?}");
        }
        service.call(&me(&tokens.access)).expect(200);
        service.call(&Call::get("/health")).expect(200);
    }
    drop(release);
    holder.join().expect("a holder");
    Tokens::of(&service.call(&refresh(&tokens.refresh)));
    service.call(&register("new-0@example.org", PASSWORD)).expect(201);
    service.call(&login("ann@example.org", PASSWORD)).expect(200);
    println!(
        "SQLite locked by another process: 8 writes sent, 8 got 503, the slowest after {slowest:.1?}; 8 reads got 200"
    );
    assert!(slowest < Duration::from_secs(5) + SLACK, "{slowest:?}");
}

#[test]
fn a_file_that_is_locked_at_the_start_is_waited_for() {
    let (storage, folder) = (Storage::sqlite(), TempFolder::new());
    let program = program(&folder, &storage.url());
    program.start().stop();
    let (release, holder) = lock(storage.url(), "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    let finished = program.clone().env("DATABASE_CONNECT_TIMEOUT", "1").run();
    let took = finished.took;
    let text = finished.with_code(1);
    println!("SQLite locked at the start, DATABASE_CONNECT_TIMEOUT 1 s: exit 1 after {took:.1?}");
    assert!(text.contains("DATABASE_URL") && text.contains("DATABASE_CONNECT_TIMEOUT"), "{text}");
    let waiting = program.spawn();
    waiting.wait_for("does not answer yet");
    drop(release);
    holder.join().expect("a holder");
    let back = Instant::now();
    waiting.wait_for("is listening on");
    println!("SQLite unlocked: the service listens {:.1?} later", back.elapsed());
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_alone() {
    let folder = TempFolder::new();
    let path = folder.path().join("notes.txt");
    let text = "these are notes, and no database at all\n".repeat(100);
    fs::write(&path, &text).unwrap();
    let finished = program(&folder, &format!("sqlite://{}", path.display())).run();
    let took = finished.took;
    let complaint = finished.errors.clone();
    let _ = finished.with_code(1);
    println!("a file that is no database: exit 1 after {took:.1?}: {}", complaint.trim());
    assert!(complaint.contains("DATABASE_URL") && complaint.contains("not a database"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert!(took < SLACK, "{took:?}");
}

/// If a response contains only an id, the operator must find the failure by that id, even at a quiet log level.
#[test]
fn a_failure_is_found_by_its_id_in_a_quiet_log() {
    let (storage, folder) = (Storage::sqlite(), TempFolder::new());
    let quiet = program(&folder, &storage.url())
        .env("LOG_FORMAT", "json")
        .env("RUST_LOG", "error,inwren_app::runtime::banner=info");
    let service = quiet.start();
    let (release, holder) = lock(storage.url(), "BEGIN IMMEDIATE");
    let refused = service.call(&register("ann@example.org", PASSWORD)).expect(503);
    drop(release);
    holder.join().expect("a holder");
    let id = refused.text("request_id");
    let log = service.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let failed: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request failed").collect();
    assert_eq!(failed.len(), 1, "{log}");
    assert_eq!(failed[0]["span"]["request_id"], id.as_str(), "{log}");
    assert!(lines.iter().all(|line| line["target"] != "inwren::request"), "{log}");
}
