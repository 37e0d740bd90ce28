//! From SQLite to PostgreSQL and back while a service runs on both, to the last bit; and broken off in the middle.

use std::os::unix::fs::PermissionsExt as _;

use inwren_tests::process::until;
use serde_json::{Value, json};

use super::Desk;
use crate::process::support::client::{PASSWORD, Tokens, join, login, me};
use crate::process::support::database::Storage;
use crate::process::support::registrations::Registrations;

const USERS: usize = 3_000;

#[test]
fn users_go_from_sqlite_to_postgres_and_back_while_services_run() {
    let (here, there) =
        (Desk::over(Storage::sqlite()).migrated(), Desk::over(Storage::postgres()).migrated());
    here.fill(USERS);
    let (one, other) = (here.program().start(), there.program().start());
    let ann = join(&mut one.connect(), "Ann@example.org").unwrap();

    // People register on one side meanwhile, and on the other while they are brought in.
    let load = Registrations::start(&one, 2);
    load.after_answers(10);
    let file = here.folder.path().join("users.ndjson");
    let exported = here.export(&["users.ndjson", "--json"]);
    let exported: Value = serde_json::from_str(&exported.output).unwrap();
    let slowest = load.stop();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(exported["users"], text.lines().count());
    assert!(exported["users"].as_u64().unwrap() > USERS as u64);

    // Those who register there have addresses that some have here.
    let text = text.replace("\"load-", "\"moved-");
    let load = Registrations::start(&other, 2);
    load.after_answers(4);
    let imported = there.import(&text, &[], 0);
    let slowest = slowest.max(load.stop());
    println!("an export and an import of {USERS} users: a registration and a login took {slowest:?} at most");
    assert_eq!(imported["file"]["users"], exported["users"]);
    assert_eq!(imported["added"], exported["users"]);
    // Whoever registered meanwhile is here, too.
    assert_eq!(imported["same"], false);
    // One and the same file again changes nothing.
    let again = there.import(&text, &["--on-conflict", "update"], 0);
    assert_eq!((&again["added"], &again["updated"]), (&json!(0), &json!(0)));
    assert_eq!(again["unchanged"], exported["users"]);

    // The password came over, and the session did not.
    Tokens::of(&other.call(&login("ann@example.org", PASSWORD)));
    other.call(&me(&ann.access)).expect(401);
    one.stop();
    other.stop();

    // And back, into a database of its own: both sides are the same from then on.
    let back = Desk::over(Storage::sqlite()).migrated();
    let service = back.program().start();
    let imported = back.import(&there.export(&[]).output, &[], 0);
    assert_eq!(imported["same"], true);
    assert_eq!(back.checksum(), there.checksum());
    assert_eq!(back.export(&[]).output, there.export(&[]).output);
    Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
    service.stop();
}

/// Begins to bring these users in, and kills that once the first are there. Tells how many are.
fn killed_at_work(storage: Storage, text: &str) -> (Desk, usize) {
    let desk = Desk::over(storage).migrated();
    std::fs::write(desk.folder.path().join("users.ndjson"), text).unwrap();
    let mut running = desk.users(&["import", "users.ndjson"]).spawn();
    until("the first users are there", || desk.count() > 0);
    running.kill();
    if let Storage::Postgres(_) = desk.storage {
        // What it had sent is still carried out.
        let others =
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        until("nobody is connected", || desk.storage.ask(others).is_empty());
    }
    let before = desk.count();
    (desk, before)
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let source = Desk::over(Storage::sqlite()).migrated();
    source.fill(USERS);
    let text = source.export(&[]).output;
    for storage in [Storage::sqlite, Storage::postgres] {
        // On a machine that stands still for a moment it may be too fast to be killed.
        let killed = (0..10).map(|_| killed_at_work(storage(), &text)).find(|(_, before)| *before < USERS);
        let (desk, before) = killed.expect("one that was killed at work");
        assert!(before > 0 && before.is_multiple_of(500), "{before}");
        let events = desk.storage.ask("SELECT id FROM audit_events").len();
        assert_eq!(events, before, "there is no user without an event, and no event without a user");
        let imported = desk.import(&text, &[], 0);
        assert_eq!(imported["unchanged"], before);
        assert_eq!(imported["added"], USERS - before);
        assert_eq!(imported["same"], true);
        assert_eq!(desk.checksum(), source.checksum());
    }
}

#[test]
fn an_export_is_of_whom_was_asked_for() {
    for storage in Storage::each() {
        let desk = Desk::over(storage).migrated();
        desk.fill(700);
        let count = |arguments: &[&str]| desk.export(arguments).output.lines().count();
        assert_eq!(count(&[]), 700);
        assert_eq!(count(&["--active", "false"]), 100);
        assert_eq!(count(&["--superuser", "true"]), 7);
        assert_eq!(count(&["--superuser", "true", "--active", "true"]), 6);
        assert_eq!(count(&["--tier", "premium"]), 0);
        assert_eq!(count(&["--email-prefix", "USER.69"]), 11);
        let whole = desk.export(&["--without-hashes"]);
        assert!(!whole.output.contains("hash") && whole.errors.contains("700 users, checksum "));

        // Without hashes they come without passwords, and what else they are is the same.
        let other = Desk::over(Storage::sqlite()).migrated();
        let imported = other.import(&whole.output, &[], 0);
        assert_eq!((&imported["added"], &imported["without_password"]), (&json!(700), &json!(700)));
        assert_eq!(imported["same"], true);
        let service = other.program().start();
        service.call(&login("user.1@example.org", PASSWORD)).expect(401);
        let set = other.users(&["set-password", "user.1@example.org", "--password-stdin"]);
        set.input(&format!("{PASSWORD}\n")).run().with_code(0);
        Tokens::of(&service.call(&login("user.1@example.org", PASSWORD)));
        service.stop();
        // Nobody without a password has a hash in an export.
        let hashes = other.export(&[]).output;
        assert_eq!(hashes.matches("\"hashed_password\":null").count(), 699);
        // A file is not overwritten, unless it is meant.
        desk.export(&["out.ndjson"]);
        assert!(desk.users(&["export", "out.ndjson"]).run().with_code(1).contains("--force"));
        desk.export(&["out.ndjson", "--force"]);
    }
}
