//! `kill -9` in the middle of a stream of registrations and refreshes: what was answered has happened, and holds.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use inwren_tests::process::{Connection, Program, Service};
use inwren_tests::stores::TempFolder;

use super::client::{PASSWORD, Tokens, login, refresh, register};
use super::database::Storage;

const ROUNDS: usize = 10;
const CLIENTS: usize = 4;
/// How often a client refreshes before it registers the next user.
const REFRESHES: usize = 6;

#[test]
fn nothing_answered_is_lost_on_sqlite() {
    rounds(&Storage::sqlite());
}

#[test]
fn nothing_answered_is_lost_on_postgres() {
    rounds(&Storage::postgres());
}

fn rounds(storage: &Storage) {
    let folder = TempFolder::new();
    // The longest grace, because a check may come late on a busy machine.
    let program = Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("REFRESH_REUSE_GRACE_SECONDS", "300");
    let mut figures = Figures::default();
    for round in 0..ROUNDS {
        let mut service = program.start();
        let users = stream_until_killed(&mut service, round);
        let service = program.start();
        for user in &users {
            figures.add(user);
            check(&service, user);
        }
        check_reuse(&service, &users);
        assert_eq!(service.stop().lines().filter(|line| line.contains("ERROR")).count(), 0);
    }
    println!("kill -9 on {}, {ROUNDS} rounds: {figures:?}; nothing answered was lost", storage.name());
    assert!(figures.registrations_answered > ROUNDS && figures.refreshes_answered > ROUNDS * CLIENTS);
    assert!(figures.refreshes_in_flight + figures.registrations_in_flight > 0, "every kill hit a pause");
}

#[derive(Debug, Default)]
struct Figures {
    registrations_answered: usize,
    registrations_in_flight: usize,
    refreshes_answered: usize,
    refreshes_in_flight: usize,
}

impl Figures {
    fn add(&mut self, user: &Journal) {
        self.registrations_answered += usize::from(user.registered);
        self.registrations_in_flight += usize::from(!user.registered);
        self.refreshes_answered += user.tokens.len().saturating_sub(1);
        self.refreshes_in_flight += usize::from(user.refreshing);
    }
}

/// What the service has answered about one user.
#[derive(Debug, Default)]
struct Journal {
    email: String,
    registered: bool,
    /// The refresh tokens that were answered, the last one last.
    tokens: Vec<String>,
    /// Whether the last one was sent in when the end came.
    refreshing: bool,
}

/// Clients go on until the service is gone. It is killed after a number of answers that differs by the round.
fn stream_until_killed(service: &mut Service, round: usize) -> Vec<Journal> {
    let (answered, answers) = channel();
    let address = service.address();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let answered = answered.clone();
            thread::spawn(move || {
                let mut journals = Vec::new();
                if let Ok(mut connection) = Connection::open(address) {
                    for number in 0.. {
                        let email = format!("user-{round}-{client}-{number}@example.org");
                        let mut journal = Journal { email, ..Journal::default() };
                        let outcome = live(&mut connection, &mut journal, &answered);
                        journals.push(journal);
                        if outcome.is_err() {
                            break;
                        }
                    }
                }
                journals
            })
        })
        .collect();
    drop(answered);
    wait_for(&answers, 40 + 17 * round);
    service.kill();
    clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
}

fn wait_for(answers: &Receiver<()>, count: usize) {
    assert_eq!(answers.iter().take(count).count(), count, "the service went away by itself");
}

/// Registers, logs in and refreshes, and notes every answer.
fn live(connection: &mut Connection, journal: &mut Journal, answered: &Sender<()>) -> io::Result<()> {
    connection.call(&register(&journal.email, PASSWORD))?.expect(201);
    journal.registered = true;
    let _ = answered.send(());
    let tokens = Tokens::of(&connection.call(&login(&journal.email, PASSWORD))?);
    let _ = answered.send(());
    journal.tokens.push(tokens.refresh);
    for _ in 0..REFRESHES {
        let last = journal.tokens.last().cloned().unwrap_or_default();
        journal.refreshing = true;
        let tokens = Tokens::of(&connection.call(&refresh(&last))?);
        journal.refreshing = false;
        let _ = answered.send(());
        journal.tokens.push(tokens.refresh);
    }
    Ok(())
}

fn check(service: &Service, user: &Journal) {
    if user.registered {
        service.call(&login(&user.email, PASSWORD)).expect(200);
        service.call(&register(&user.email, PASSWORD)).expect(409);
    } else {
        // It is there whole or not at all: either the login works, or the address is free.
        let status = service.call(&login(&user.email, PASSWORD)).status;
        let again = service.call(&register(&user.email, PASSWORD)).status;
        assert!(matches!((status, again), (200, 409) | (401, 201)), "{user:?}: {status}, {again}");
    }
    if let Some(last) = user.tokens.last() {
        // Whether the refresh that was under way was made or not, the client goes on with the token that it has.
        let successor = Tokens::of(&service.call(&refresh(last))).refresh;
        let again = Tokens::of(&service.call(&refresh(last))).refresh;
        assert_eq!(successor, again, "a session has one live token");
        Tokens::of(&service.call(&refresh(&successor)));
    }
}

/// A restart forgets no token that was used up.
fn check_reuse(service: &Service, users: &[Journal]) {
    let mut checked = 0;
    for user in users {
        let [first, .., last] = user.tokens.as_slice() else { continue };
        // `check` has used the last one, so that every other one is too old.
        service.call(&refresh(first)).expect(401);
        service.call(&refresh(last)).expect(401);
        checked += 1;
    }
    assert!(checked > 0, "no session was refreshed");
}
