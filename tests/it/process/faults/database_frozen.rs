//! PostgreSQL freezes for longer than the request timeout, and then continues: a write that was refused with 503 is not
//! executed later, and no session ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use inwren_tests::is_long;
use inwren_tests::process::{Answer, Call, Program, Service, pause, until};
use inwren_tests::stores::{PrivatePostgres, TempFolder};

use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh, register};

const USERS: usize = 6;
const ROUNDS: usize = 3;
/// Time after the end of a freeze in which PostgreSQL executes all statements that it received during the freeze.
const SETTLED: Duration = Duration::from_secs(1);

/// Durations of the freezes, longer than the timeout of a refresh. In a long run, one is also longer than the default
/// grace period.
fn freezes() -> Vec<Duration> {
    let short = [1_800, 2_500].map(Duration::from_millis);
    short.into_iter().chain(is_long().then_some(Duration::from_secs(36))).collect()
}

fn start(server: &PrivatePostgres, folder: &TempFolder, grace: &str) -> Service {
    let program = Program::new(folder.path()).env("DATABASE_URL", server.url());
    program.env("REFRESH_REUSE_GRACE_SECONDS", grace).start()
}

/// Repeats the request until the answer is not a 503.
fn ask_patiently(service: &Service, call: &Call) -> Answer {
    let mut answer = None;
    until("the database is back", || {
        let made = service.call(call);
        let is_answer = made.status != 503;
        answer = Some(made);
        is_answer
    });
    answer.expect("an answer")
}

/// Users refresh while PostgreSQL is frozen, and retry as clients do, also after the freeze. Returns the statuses that
/// they received, and how many sessions were lost.
fn refresh_through_a_freeze(
    (service, server): (&Service, &PrivatePostgres),
    name: &str,
    freeze: Duration,
    is_in_flight: bool,
) -> (Vec<u16>, usize) {
    let emails: Vec<String> = (0..USERS).map(|number| format!("{name}-{number}@example.org")).collect();
    let joined: Vec<Tokens> =
        emails.iter().map(|email| join(&mut service.connect(), email).expect("an answer")).collect();
    let is_over = AtomicBool::new(false);
    if !is_in_flight {
        server.freeze();
    }
    let refreshing = |mut tokens: Tokens| {
        let mut statuses = Vec::new();
        while !is_over.load(Ordering::Acquire) {
            let answer = service.call(&refresh(&tokens.refresh));
            statuses.push(answer.status);
            match answer.status {
                200 => tokens = Tokens::of(&answer),
                503 => pause(Duration::from_millis(200)),
                _ => break,
            }
        }
        (tokens, statuses)
    };
    let ended: Vec<(Tokens, Vec<u16>)> = thread::scope(|scope| {
        let clients: Vec<_> = joined.into_iter().map(|tokens| scope.spawn(|| refreshing(tokens))).collect();
        if is_in_flight {
            pause(Duration::from_millis(50));
            server.freeze();
        }
        pause(freeze);
        server.thaw();
        is_over.store(true, Ordering::Release);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    pause(SETTLED);
    let mut lost = 0;
    for (tokens, _) in &ended {
        let retried = ask_patiently(service, &refresh(&tokens.refresh));
        if retried.status != 200 {
            lost += 1;
            continue;
        }
        let tokens = Tokens::of(&retried);
        service.call(&me(&tokens.access)).expect(200);
        lost += usize::from(ask_patiently(service, &refresh(&tokens.refresh)).status != 200);
    }
    (ended.into_iter().flat_map(|(_, statuses)| statuses).collect(), lost)
}

#[test]
fn a_freeze_ends_no_session() {
    let mut lost = 0;
    for grace in ["0", "30"] {
        let (server, folder) = (PrivatePostgres::start(), TempFolder::new());
        let service = start(&server, &folder, grace);
        for freeze in freezes() {
            let (mut statuses, mut lost_here) = (Vec::new(), 0);
            for round in 0..ROUNDS {
                let name = format!("frozen-{}-{round}", freeze.as_millis());
                // The freeze of the last round meets statements that are being executed.
                let is_in_flight = round + 1 == ROUNDS;
                let (met, lost) = refresh_through_a_freeze((&service, &server), &name, freeze, is_in_flight);
                statuses.extend(met);
                lost_here += lost;
            }
            let refused = statuses.iter().filter(|status| **status == 503).count();
            println!(
                "frozen for {freeze:?}, grace {grace} s: {} refreshes, {refused} answered with 503, {lost_here} of {} \
                 sessions lost",
                statuses.len(),
                ROUNDS * USERS
            );
            assert!(refused > 0, "the freeze was too short to be noticed");
            lost += lost_here;
        }
        let log = service.log();
        assert!(!log.contains("panicked"), "{log}");
    }
    assert_eq!(lost, 0, "sessions were lost");
}

#[test]
fn a_registration_refused_in_a_freeze_does_not_happen_later() {
    let (server, folder) = (PrivatePostgres::start(), TempFolder::new());
    let service = start(&server, &folder, "30");
    let register_all = |name: &str| -> Vec<(String, Answer)> {
        thread::scope(|scope| {
            let registering: Vec<_> = (0..16)
                .map(|number| {
                    let email = format!("{name}-{number}@example.org");
                    scope.spawn(|| {
                        let answer = service.call(&register(&email, PASSWORD));
                        (email, answer)
                    })
                })
                .collect();
            registering.into_iter().map(|one| one.join().expect("a client")).collect()
        })
    };
    // Prepare the statement on every connection: only a prepared statement is executed with the first message.
    for round in 0..3 {
        register_all(&format!("before-{round}"));
    }
    server.freeze();
    let answers = register_all("frozen");
    server.thaw();
    pause(SETTLED);
    assert!(answers.iter().all(|(_, answer)| answer.status == 503), "{answers:?}");
    for (email, _) in &answers {
        let late = server.ask(&format!("SELECT 1 FROM users WHERE email_normalized = '{email}'"));
        assert!(late.is_empty(), "{email} was registered after the answer 503");
        ask_patiently(&service, &register(email, PASSWORD)).expect(201);
        ask_patiently(&service, &login(email, PASSWORD)).expect(200);
    }
    println!("frozen during {} registrations: all answered with 503, none happened later", answers.len());
}
