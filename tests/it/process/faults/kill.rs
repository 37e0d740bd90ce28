//! `kill -9` in the middle of registrations, refreshes and password changes: every change that the service confirmed is
//! durable.

use inwren_tests::process::Service;
use inwren_tests::stores::TempFolder;
use inwren_tests::{is_long, process::Program};

use crate::process::support::client::refresh;
use crate::process::support::database::Storage;
use crate::process::support::load::{Ended, Journal, Load};

const CLIENTS: usize = 4;

/// Number of kills.
fn rounds() -> usize {
    if is_long() { 20 } else { 6 }
}

#[test]
fn nothing_answered_is_lost_on_sqlite() {
    kill_again_and_again(&Storage::sqlite());
}

#[test]
fn nothing_answered_is_lost_on_postgres() {
    kill_again_and_again(&Storage::postgres());
}

fn kill_again_and_again(storage: &Storage) {
    let folder = TempFolder::new();
    // The longest grace period, because a check may come late on a busy machine.
    let program = Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("REFRESH_REUSE_GRACE_SECONDS", "300");
    let mut figures = Figures::default();
    for round in 0..rounds() {
        let mut service = program.start();
        let load = Load::start(service.address(), CLIENTS, &format!("round-{round}"));
        // Kill after a number of responses that differs per round.
        load.wait_for(60 + 17 * (round % 11));
        service.kill();
        let ended = load.finish();
        let service = program.start();
        figures.add(&ended);
        ended.check_all(&service);
        check_reuse(&service, &ended.journals);
        assert_eq!(service.stop().lines().filter(|line| line.contains("ERROR")).count(), 0);
    }
    println!("kill -9 on {}, {} rounds: {figures:?}; nothing answered was lost", storage.name(), rounds());
    let [registrations, _, refreshes, changes] = figures.answered;
    assert!(registrations > rounds() && refreshes > rounds() * CLIENTS && changes > rounds(), "{figures:?}");
    assert!(figures.in_flight.iter().sum::<usize>() > 0, "every kill hit a pause");
}

const KINDS: [&str; 4] = ["register", "login", "refresh", "change password"];

/// Requests by kind, in the order of `KINDS`.
#[derive(Debug, Default)]
struct Figures {
    answered: [usize; 4],
    in_flight: [usize; 4],
}

impl Figures {
    fn add(&mut self, ended: &Ended) {
        for made in &ended.calls {
            let Some(kind) = KINDS.iter().position(|kind| *kind == made.what) else { continue };
            match made.status() {
                // If the machine stands still for a moment, a client may get a 503.
                Some(_) if made.is_clear_503() => {}
                Some(status) => {
                    assert!(status < 300, "{made:?}");
                    self.answered[kind] += 1;
                }
                None => self.in_flight[kind] += 1,
            }
        }
    }
}

/// A restart forgets no used refresh token.
fn check_reuse(service: &Service, users: &[Journal]) {
    let mut checked = 0;
    for user in users {
        let [first, .., last] = user.tokens.as_slice() else { continue };
        // The check of the journal has used the last token, so all earlier tokens are too old.
        service.call(&refresh(first)).expect(401);
        service.call(&refresh(last)).expect(401);
        checked += 1;
    }
    assert!(checked > 0, "no session was refreshed");
}
