//! Deletion of expired data while the service works, and by command.

use std::time::{Duration, Instant};

use inwren_tests::process::{Program, Service};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, join, login, me};
use crate::process::support::database::{Storage, block_on, execute};

/// Adds expired sessions and audit events of this age to an existing user.
fn age(storage: &Storage, count: u32, days: u32) {
    let (id, time, series) = match storage {
        Storage::Sqlite(_) => (
            "randomblob(16)",
            format!("(unixepoch() - {days} * 86400 - n) * 1000000"),
            format!(
                "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
            ),
        ),
        Storage::Postgres(_) => (
            "gen_random_uuid()",
            format!("now() - {days} * interval '1 day' - n * interval '1 second'"),
            format!("generate_series(1, {count}) AS c(n)"),
        ),
    };
    let sessions = format!(
        "INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, rotated_at, \
         created_at, authenticated_at, last_used_at, expires_at, max_expires_at) \
         SELECT {id}, u.id, 0, 0, 'x', u.digest, {time}, {time}, {time}, {time}, {time}, {time} FROM {series}, \
         (SELECT users.id AS id, sessions.hashed_refresh_token AS digest FROM users \
         JOIN sessions ON sessions.user_id = users.id LIMIT 1) AS u"
    );
    let events = format!(
        "INSERT INTO audit_events (id, occurred_at, kind, user_id) \
         SELECT {id}, {time}, 'logged_in', u.id FROM {series}, (SELECT id FROM users LIMIT 1) AS u"
    );
    for statement in [sessions, events] {
        block_on(execute(&storage.url(), &statement));
    }
}

fn count(storage: &Storage, table: &str) -> i64 {
    let rows = storage.ask(&format!("SELECT count(*) AS n FROM {table}"));
    rows[0].try_get::<i64>("", "n").unwrap()
}

fn counts(storage: &Storage) -> (i64, i64) {
    (count(storage, "sessions"), count(storage, "audit_events"))
}

fn program(storage: &Storage, folder: &TempFolder) -> Program {
    Program::new(folder.path()).env("DATABASE_URL", storage.url())
}

/// Waits until only the expected rows are left, and returns the duration of the slowest requests meanwhile.
fn wait_for(storage: &Storage, services: &[&Service], access: &str, expected: (i64, i64)) -> Duration {
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while counts(storage) != expected {
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?} are left", counts(storage));
        for service in services {
            let asked = Instant::now();
            service.call(&me(access)).expect(200);
            service.call(&login("ann@example.org", PASSWORD)).expect(401);
            slowest = slowest.max(asked.elapsed());
        }
    }
    slowest
}

#[test]
fn instances_that_sweep_at_once_delete_everything_that_is_old_and_nothing_else() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let patient = program(&storage, &folder);
        let service = patient.start();
        let tokens = join(&mut service.connect(), "bob@example.org").unwrap();
        service.stop();
        let recent = counts(&storage);
        // Younger than the retention of sessions (10 days) and of events (20 days).
        age(&storage, 30, 9);
        let kept = (recent.0 + 30, recent.1 + 30);
        age(&storage, 3_000, 21);

        let sweeping = patient
            .env("SESSION_RETENTION_DAYS", "10")
            .env("AUDIT_RETENTION_DAYS", "20")
            .env("SWEEP_INTERVAL_SECONDS", "1");
        let services = [sweeping.start(), sweeping.start()];
        let slowest = wait_for(&storage, &services.each_ref(), &tokens.access, kept);
        println!(
            "sweeps of 6,000 rows on {} by two at once: the slowest two requests took {slowest:?}",
            storage.name()
        );
        let log: String = services.into_iter().map(Service::stop).collect();
        assert!(!log.contains("the sweep of expired data failed") && !log.contains("ERROR"), "{log}");
        assert_eq!(counts(&storage), kept);
    }
}

#[test]
fn by_command_at_once() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let patient = program(&storage, &folder);
        let service = patient.start();
        join(&mut service.connect(), "bob@example.org").unwrap();
        let recent = counts(&storage);
        age(&storage, 450, 400);
        let sweep = |program: &Program| program.clone().args(["sweep"]).run().with_code(0);
        let said = sweep(&patient.clone().env("AUDIT_RETENTION_DAYS", "forever"));
        assert!(said.contains("450 sessions, 0 audit events and 0 expired items"), "{said}");
        assert_eq!(counts(&storage), (recent.0, recent.1 + 450));
        let said = sweep(&patient);
        assert!(said.contains("0 sessions, 450 audit events and 0 expired items"), "{said}");
        assert_eq!(counts(&storage), recent);
        service.stop();
    }
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").args(["sweep"]);
    assert!(program.run().with_code(2).contains("DATABASE_URL"));
}
