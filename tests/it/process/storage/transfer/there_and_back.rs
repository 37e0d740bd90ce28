//! Moves users from SQLite to PostgreSQL and back while services run on both, without any difference; and an import
//! that is killed halfway.

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

    // People register on the source during the export, and on the target during the import.
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

    // People who register on the target use addresses that exist on the source, so rename the exported ones.
    let text = text.replace("\"load-", "\"moved-");
    let load = Registrations::start(&other, 2);
    load.after_answers(4);
    let imported = there.import(&text, &[], 0);
    let slowest = slowest.max(load.stop());
    println!("an export and an import of {USERS} users: a registration and a login took {slowest:?} at most");
    assert_eq!(imported["file"]["users"], exported["users"]);
    assert_eq!(imported["added"], exported["users"]);
    // The target also has the users who registered meanwhile.
    assert_eq!(imported["same"], false);
    // Importing the same file again changes nothing.
    let again = there.import(&text, &["--on-conflict", "update"], 0);
    assert_eq!((&again["added"], &again["updated"]), (&json!(0), &json!(0)));
    assert_eq!(again["unchanged"], exported["users"]);

    // The import transfers the password, and not the session.
    Tokens::of(&other.call(&login("ann@example.org", PASSWORD)));
    other.call(&me(&ann.access)).expect(401);
    one.stop();
    other.stop();

    // And back, into a new database: afterwards, both sides are identical.
    let back = Desk::over(Storage::sqlite()).migrated();
    let service = back.program().start();
    let imported = back.import(&there.export(&[]).output, &[], 0);
    assert_eq!(imported["same"], true);
    assert_eq!(back.checksum(), there.checksum());
    assert_eq!(back.export(&[]).output, there.export(&[]).output);
    Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
    service.stop();
}

/// Starts an import, and kills it when the first users are stored. Returns how many users are stored.
fn killed_at_work(storage: Storage, text: &str) -> (Desk, usize) {
    let desk = Desk::over(storage).migrated();
    std::fs::write(desk.folder.path().join("users.ndjson"), text).unwrap();
    let mut running = desk.users(&["import", "users.ndjson"]).spawn();
    until("the first users are there", || desk.count() > 0);
    running.kill();
    if let Storage::Postgres(_) = desk.storage {
        // PostgreSQL still executes the statements that it has received.
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
        // If the machine stands still for a moment, the import may end before the kill.
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

        // Without hashes, the users have no passwords. All other fields are the same.
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
        // In an export, users without a password have no hash.
        let hashes = other.export(&[]).output;
        assert_eq!(hashes.matches("\"hashed_password\":null").count(), 699);
        // An export overwrites an existing file only with `--force`.
        desk.export(&["out.ndjson"]);
        assert!(desk.users(&["export", "out.ndjson"]).run().with_code(1).contains("--force"));
        desk.export(&["out.ndjson", "--force"]);
    }
}
