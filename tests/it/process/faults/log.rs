//! The service keeps working if its log cannot be written or is not read.

use std::fs::File;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::process::{Call, PATIENCE, Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, join, login};

/// Requests, so many that their log lines do not fit into any pipe.
const CALLS: usize = 2_000;

fn program(folder: &TempFolder) -> Program {
    Program::new(folder.path()).env("DATABASE_URL", "memory:")
}

#[track_caller]
fn works(what: &str, mut service: Service) {
    let mut connection = service.connect();
    join(&mut connection, "ann@example.org").expect("an answer");
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..CALLS {
        let asked = Instant::now();
        connection.call(&Call::get("/health/live")).expect("an answer").expect(200);
        slowest = slowest.max(asked.elapsed());
    }
    connection.call(&login("ann@example.org", PASSWORD)).expect("an answer").expect(200);
    println!(
        "{what}: {CALLS} sent, {CALLS} answered in {:.1?}, the slowest after {slowest:.1?}",
        begun.elapsed()
    );
    drop(connection);
    let begun = Instant::now();
    service.signal("TERM");
    // Shutdown would never end without a limit on the time that it waits for the log.
    assert_eq!(service.wait(PATIENCE).code(), Some(0));
    println!("{what}: stopped after {:.1?}", begun.elapsed());
}

#[test]
fn a_log_on_a_full_disk_is_dropped() {
    let folder = TempFolder::new();
    works("log on a full disk", program(&folder).after("exec >/dev/full").start_unheard());
}

#[test]
fn a_closed_log_is_dropped() {
    let folder = TempFolder::new();
    works("closed log", program(&folder).after("exec >&-").start_unheard());
}

fn pipe(folder: &TempFolder) -> std::path::PathBuf {
    let path = folder.path().join("log");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    path
}

#[test]
fn a_log_whose_reader_has_gone_is_dropped() {
    let folder = TempFolder::new();
    let path = pipe(&folder);
    let reader = thread::spawn(move || drop(File::open(path).expect("a pipe")));
    let service = program(&folder).after("exec >log").start_unheard();
    reader.join().expect("a reader");
    works("log whose reader has gone", service);
}

#[test]
fn a_log_whose_reader_stands_still_keeps_nobody_waiting() {
    let folder = TempFolder::new();
    let path = pipe(&folder);
    let (finished, wait) = channel::<()>();
    let reader = thread::spawn(move || {
        let _pipe = File::open(path).expect("a pipe");
        let _ = wait.recv();
    });
    works("log whose reader stands still", program(&folder).after("exec >log").start_unheard());
    drop(finished);
    reader.join().expect("a reader");
}
