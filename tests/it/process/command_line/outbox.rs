//! The outbox on the command line.

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use crate::process::support::client::{PASSWORD, Tokens, login};
use crate::process::support::database::{Storage, block_on, execute};

const ROOT: &str = "root@example.org";
const DEAD: &str = "0199a3f2-6f0e-7b9a-a1c2-3d4e5f607182";

/// Adds a dead letter, a delivered one, and one of a kind that only a newer release knows.
fn add_letters(storage: &Storage) {
    let (id, time): (fn(&str) -> String, _) = match storage {
        Storage::Sqlite(_) => (|id| format!("X'{}'", id.replace('-', "")), "unixepoch() * 1000000"),
        Storage::Postgres(_) => (|id| format!("'{id}'::uuid"), "now()"),
    };
    for (letter, kind, state, error) in [
        (DEAD, "password_reset", "dead", "'550 mailbox unavailable'"),
        ("0199a3f2-6f0e-7b9a-a1c2-3d4e5f607183", "password_reset", "delivered", "NULL"),
        ("0199a3f2-6f0e-7b9a-a1c2-3d4e5f607181", "of_a_newer_release", "pending", "NULL"),
    ] {
        let id = id(letter);
        let letter = format!(
            "INSERT INTO outbox (id, kind, recipient, recipient_normalized, state, attempts, next_attempt_at, last_error, \
             created_at, expires_at) VALUES ({id}, '{kind}', 'Ann@example.org', 'ann@example.org', '{state}', 3, \
             {time}, {error}, {time}, {time})"
        );
        block_on(execute(&storage.url(), &letter));
    }
}

#[test]
fn operators_list_and_retry_letters() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        let create = ["users", "create", ROOT, "--superuser", "--password-stdin"];
        program.clone().args(create).input(PASSWORD).run().with_code(0);
        let root = Tokens::of(&service.call(&login(ROOT, PASSWORD)));
        let outbox = |arguments: &[&str], code: i32| {
            program.clone().args(["outbox"].iter().chain(arguments).copied()).run().with_code(code)
        };
        assert_eq!(outbox(&["list"], 0).lines().count(), 1);
        add_letters(&storage);

        for (arguments, query, count) in [
            (&["list", "--json"][..], "", 2),
            (&["list", "--json", "--state", "dead"], "?state=dead", 1),
            (&["list", "--json", "--state", "pending"], "?state=pending", 0),
        ] {
            let printed: Value = serde_json::from_str(&outbox(arguments, 0)).expect("one JSON object");
            let answer = service.call(&Call::get(&format!("/admin/outbox{query}")).bearer(&root.access));
            assert_eq!(printed, answer.expect(200).json());
            assert_eq!(printed["items"].as_array().unwrap().len(), count, "{arguments:?}");
        }
        let page = outbox(&["list", "--limit", "1"], 0);
        let cursor = page.lines().last().and_then(|line| line.strip_prefix("More: --cursor "));
        let rest = outbox(&["list", "--cursor", cursor.expect("a cursor")], 0);
        assert!(!rest.contains("More:"), "{rest}");
        let both = page.clone() + &rest;
        for part in [DEAD, "to Ann@example.org", "error: 550 mailbox unavailable", "delivered"] {
            assert!(both.contains(part), "{part} is not in {both}");
        }

        // Its worker would send the letter at once.
        service.stop();
        let said = outbox(&["retry", DEAD], 0);
        assert!(said.contains("database: "), "{said}");
        let pending: Value = serde_json::from_str(&outbox(&["list", "--json", "--state", "pending"], 0))
            .expect("one JSON object");
        assert_eq!((&pending["items"][0]["id"], &pending["items"][0]["attempts"]), (&json!(DEAD), &json!(0)));
        assert!(outbox(&["retry", DEAD], 1).contains("no dead letter"));
        for wrong in [&["list", "--state", "lost"][..], &["list", "--cursor", "x"], &["retry", "x"]] {
            outbox(wrong, 2);
        }
    }
}
