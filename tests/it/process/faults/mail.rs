//! Failures of the mail server, and of the instance that sends letters.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use inwren_tests::is_long;
use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Program, Service};
use inwren_tests::smtp::{MailServer, Received, Reply};
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use crate::process::support::client::{PASSWORD, register};
use crate::process::support::database::Storage;

/// A service whose registrations each send a letter.
fn program(folder: &TempFolder, storage: &Storage, smtp_url: &str) -> Program {
    Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("EMAIL_VERIFICATION", "required")
        .env("MAIL_FROM", "Inwren <auth@example.org>")
        .env("SMTP_URL", smtp_url)
}

fn request_letters(service: &Service, name: &str, count: usize) -> Vec<String> {
    let addresses: Vec<String> = (0..count).map(|n| format!("{name}-{n}@example.org")).collect();
    for address in &addresses {
        service.call(&register(address, PASSWORD)).expect(202);
    }
    addresses
}

/// How many messages each recipient got.
fn counts(received: &[Received]) -> HashMap<&str, usize> {
    received.iter().fold(HashMap::new(), |mut counts, message| {
        *counts.entry(message.to.as_str()).or_default() += 1;
        counts
    })
}

fn has_all(received: &[Received], addresses: &[String]) -> bool {
    let counts = counts(received);
    addresses.iter().all(|address| counts.contains_key(address.as_str()))
}

/// Receivers recognise a letter that is sent twice by its `Message-ID`.
fn assert_one_id_each(received: &[Received]) {
    let mut ids: HashMap<&str, HashSet<&str>> = HashMap::new();
    for message in received {
        ids.entry(&message.to).or_default().insert(message.id());
    }
    for (to, ids) in ids {
        assert_eq!(ids.len(), 1, "{to} got {ids:?}");
    }
}

fn letters_in(program: &Program, state: &str) -> Vec<Value> {
    let list = ["outbox", "list", "--json", "--limit", "200", "--state", state];
    let listed = program.clone().args(list).run().with_code(0);
    let listed: Value = serde_json::from_str(&listed).expect("one JSON object");
    listed["items"].as_array().expect("letters").clone()
}

#[test]
fn no_letter_is_lost_or_blocked_whatever_the_mail_server_does() {
    let server = MailServer::deciding(0, |to, times| match to.split('-').next() {
        Some("silent") if times == 0 => Reply::Silence,
        Some("grey") if times == 0 => Reply::Later,
        Some("dropped") if times == 0 => Reply::Dropped,
        Some("unknown") => Reply::Never,
        _ => Reply::Accept,
    });
    let (folder, storage) = (TempFolder::new(), Storage::sqlite());
    let program = program(&folder, &storage, &server.url());
    let service = program.start();
    // With the silent ones first, all but one of the four connections wait.
    let silent = request_letters(&service, "silent", 3);
    let [grey, dropped, unknown, good] =
        ["grey", "dropped", "unknown", "good"].map(|name| request_letters(&service, name, 3));

    server.wait("the good ones pass the silent ones", |received| has_all(received, &good));
    let early = server.received();
    assert!(!silent.iter().any(|address| counts(&early).contains_key(address.as_str())), "{early:?}");
    let received = server.wait("every letter arrives", |received| {
        let counts = counts(received);
        [&silent, &grey].into_iter().all(|addresses| has_all(received, addresses))
            && dropped.iter().all(|address| counts.get(address.as_str()).is_some_and(|times| *times > 1))
    });
    assert_one_id_each(&received);
    assert!(!unknown.iter().any(|address| counts(&received).contains_key(address.as_str())));
    let dead = letters_in(&program, "dead");
    assert_eq!(dead.len(), unknown.len(), "{dead:?}");
    for letter in dead {
        let error = letter["last_error"].as_str().unwrap();
        assert!(error.contains("550"), "{error}");
        assert_eq!(letter["attempts"], 1, "a final refusal is not tried again");
    }
    let log = service.stop();
    let code = log.lines().find(|line| line.contains("/account/"));
    assert_eq!(code, None, "with a mail server, links are in no log");
}

#[test]
fn letters_wait_for_a_mail_server_that_is_away() {
    let port = free_port();
    let (folder, storage) = (TempFolder::new(), Storage::postgres());
    let program = program(&folder, &storage, &format!("smtp://127.0.0.1:{port}"));
    let service = program.start();
    let addresses = request_letters(&service, "waiting", 20);
    service.call(&Call::get("/health")).expect(200);
    let waiting = letters_in(&program, "pending").len() + letters_in(&program, "sending").len();
    assert_eq!(waiting, addresses.len());

    let server = MailServer::deciding(port, |_, _| Reply::Accept);
    let received = server.wait("every letter arrives", |received| has_all(received, &addresses));
    assert_one_id_each(&received);
    service.stop();
}

/// Number of kills.
fn rounds() -> usize {
    if is_long() { 100 } else { 6 }
}

#[test]
fn no_letter_is_lost_by_kills_on_sqlite() {
    kill_again_and_again(&Storage::sqlite());
}

#[test]
fn no_letter_is_lost_by_kills_on_postgres() {
    kill_again_and_again(&Storage::postgres());
}

/// `kill -9` while letters are sent. Letters of the last claims come when the claims end, a minute later.
fn kill_again_and_again(storage: &Storage) {
    let server = MailServer::deciding(0, |_, _| Reply::Slowly(Duration::from_millis(5)));
    let folder = TempFolder::new();
    let program = program(&folder, storage, &server.url());
    let mut promised = Vec::new();
    for round in 0..rounds() {
        let mut service = program.start();
        let before = server.received().len();
        promised.extend(request_letters(&service, &format!("round-{round}"), 12));
        server.wait("some letters arrive", |received| received.len() > before + round % 8);
        service.kill();
    }
    let service = program.start();
    let received = server.wait("every letter arrives", |received| has_all(received, &promised));
    assert_one_id_each(&received);
    service.stop();
    println!(
        "kill -9 on {}, {} rounds: {} letters, 0 lost, {} sent again with the same Message-ID",
        storage.name(),
        rounds(),
        promised.len(),
        received.len() - promised.len()
    );
}

#[test]
fn two_instances_send_each_letter_once() {
    let server = MailServer::start();
    let (folder, storage) = (TempFolder::new(), Storage::postgres());
    let program = program(&folder, &storage, &server.url());
    // Both have the files with keys of one folder.
    let services = [program.start(), program.start()];
    let mut addresses = Vec::new();
    for (n, service) in services.iter().enumerate() {
        addresses.extend(request_letters(service, &format!("instance-{n}"), 100));
    }
    let received = server.wait("every letter arrives", |received| has_all(received, &addresses));
    assert_eq!(received.len(), addresses.len());
    for service in services {
        service.stop();
    }
    assert_eq!(server.received().len(), addresses.len());
}
