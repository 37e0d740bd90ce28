//! Files with invalid lines: each invalid line is reported with its number and the reason, and the other lines are
//! imported.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{Desk, line};
use crate::process::support::client::{PASSWORD, Tokens, join, login, me};
use crate::process::support::database::{Storage, block_on, execute};

/// Place and code of each problem.
fn problems(told: &Value) -> Vec<(String, String)> {
    let problems = told["problems"].as_array().expect("problems");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    problems.iter().map(|problem| (text(&problem["place"]), text(&problem["code"]))).collect()
}

#[test]
fn each_bad_line_is_told_and_the_others_are_taken() {
    let secret = ",\"hashed_password\":\"$argon2id$hunter2\"";
    let dear = ",\"hashed_password\":\"$argon2id$v=19$m=4194304,t=64,p=1$c29tZXNhbHQ$\
                bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc\"";
    let file = [
        line(1, "ann@example.org", ""),
        "{\"id\": \"hunter2\"\n".to_owned(),
        "\n".to_owned(),
        line(4, "bob@example.org", ",\"admin\":true"),
        line(5, "no address", ""),
        line(6, "ANN@example.org", ""),
        line(7, "carl@example.org", secret),
        line(8, "dora@example.org", ",\"tier\":\"gold\""),
        line(9, "emil@example.org", ",\"credential_version\":\"$argon2id$hunter2\""),
        line(10, "fritz@example.org", ",\"created_at\":\"hunter2\""),
        "[1, 2]\n".to_owned(),
        format!("{}\n", "x".repeat(70_000)),
        "\u{feff}\u{0}\n".to_owned(),
        line(0, "nobody@example.org", "").replace("-4000-8000-", "-0000-0000-"),
        line(15, "gerd@example.org", "").replace("00000000-0000", "0"),
        line(16, "hans@example.org", ",\"email\":\"hans@example.org\""),
        line(17, "ida@example.org", "").trim_end().to_owned() + "\n",
        line(18, "jan@example.org", ",\"credential_version\":9223372036854775807"),
        line(19, "kim@example.org", ",\"credential_version\":-1"),
        line(20, "lea@example.org", ",\"created_at\":\"1969-12-31T23:59:59Z\""),
        line(21, "max@example.org", ",\"created_at\":\"9999-01-01T00:00:00Z\""),
        line(22, "ned@example.org", ",\"updated_at\":\"9999-12-31T23:59:59-23:00\""),
        line(24, "pia@example.org", dear),
        line(
            23,
            "ole@example.org",
            ",\"credential_version\":9007199254740991,\"created_at\":\"1970-01-01T00:00:00Z\"",
        )
        .trim_end()
        .to_owned(),
    ]
    .concat();
    let expected = [
        ("line 2", "unreadable"),
        ("line 4", "unreadable"),
        ("line 5", "invalid-email"),
        ("line 6", "email-taken-in-other-letters"),
        ("line 7", "unknown-hash"),
        ("line 8", "unknown-tier"),
        ("line 9", "unreadable"),
        ("line 10", "unreadable"),
        ("line 11", "unreadable"),
        ("line 12", "unreadable"),
        ("line 13", "unreadable"),
        ("line 14", "invalid-id"),
        ("line 15", "invalid-id"),
        ("line 16", "unreadable"),
        ("line 18", "out-of-range"),
        ("line 19", "out-of-range"),
        ("line 20", "out-of-range"),
        ("line 21", "out-of-range"),
        ("line 22", "out-of-range"),
        ("line 23", "unknown-hash"),
    ];
    let expected: Vec<_> = expected.map(|(place, code)| (place.to_owned(), code.to_owned())).into();
    for storage in Storage::each() {
        let desk = Desk::over(storage).migrated();
        let dry = desk.import(&file, &["--dry-run"], 1);
        assert_eq!(desk.count(), 0);
        assert_eq!((&dry["database"], &dry["added"]), (&Value::Null, &json!(3)));
        let told = desk.import(&file, &[], 1);
        for told in [&dry, &told] {
            let mut found = problems(told);
            found.sort_by_key(|(place, _)| {
                place.trim_start_matches("line ").parse::<u32>().expect("a number")
            });
            // The dry run does not write the first user, so it reports a repeated address instead of a stored one.
            for (_, code) in &mut found {
                *code = code.replace("repeated-email", "email-taken-in-other-letters");
            }
            assert_eq!(found, expected);
        }
        assert_eq!((&told["added"], &told["refused"]), (&json!(3), &json!(20)));
        assert_eq!(told["refused_by_code"]["unreadable"], 8);
        // All problems are counted, and some are listed.
        let told = desk.import(&file, &["--show-problems", "3"], 1);
        assert_eq!((problems(&told).len(), &told["refused"]), (3, &json!(20)));
    }
}

#[test]
fn refused_users_are_written_to_a_private_file() {
    const HASH: &str = "$argon2id$hunter2";
    const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";
    let file = [
        line(1, "ann@example.org", ""),
        line(2, "bob@@example.org", ""),
        line(3, HASH, ""),
        line(4, "dora@example.org", &format!(",\"hashed_password\":\"{HASH}\"")),
        format!("{{\"id\": \"{HASH}\"\n"),
        line(6, "eli@example.org", &format!(",\"tier\":\"{MD5}\"")),
    ]
    .concat();
    let desk = Desk::over(Storage::sqlite()).migrated();
    let path = desk.folder.path().join("refused.ndjson");
    desk.users(&["import", "typo.ndjson", "--refused", "refused.ndjson"]).run().with_code(1);
    assert!(!path.exists(), "a failed run keeps the next one from writing the file");
    for dry_run in [&["--dry-run"][..], &[]] {
        desk.import(&file, &[&["--refused", "refused.ndjson", "--show-problems", "1"], dry_run].concat(), 1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("$argon2") && !text.contains("hunter2") && !text.contains(MD5), "{text}");
        let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        rows.sort_by_key(|row| row["place"].to_string());
        let rows: Vec<Value> =
            rows.iter().map(|row| json!([row["place"], row["email"], row["code"]])).collect();
        let expected = [
            json!(["line 2", "bob@@example.org", "invalid-email"]),
            json!(["line 3", null, "invalid-email"]),
            json!(["line 4", "dora@example.org", "unknown-hash"]),
            json!(["line 5", null, "unreadable"]),
            json!(["line 6", "eli@example.org", "unknown-tier"]),
        ];
        assert_eq!(rows, expected);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again =
            desk.users(&["import", "import.ndjson", "--refused", "refused.ndjson"]).run().with_code(2);
        assert!(again.contains("exists already"), "{again}");
        std::fs::remove_file(&path).unwrap();
    }

    let table = "CREATE TABLE users (id INTEGER, email TEXT, hashed_password TEXT)";
    let old = format!("sqlite://{}", desk.folder.path().join("old.db").display());
    block_on(execute(&format!("{old}?mode=rwc"), table));
    block_on(execute(&old, &format!("INSERT INTO users VALUES (7, 'kim@example.org', '{HASH}')")));
    for what in ["--dry-run", "--yes"] {
        let adopt = desk.program().args(["adopt", "--from", &old, what, "--refused", "refused.ndjson"]);
        let said = adopt.run().with_code(i32::from(what == "--yes"));
        assert!(
            said.contains("wrote 1 refused user to refused.ndjson") && !said.contains("and more"),
            "{said}"
        );
        let row: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let row = json!([row["place"], row["email"], row["code"]]);
        assert_eq!(row, json!(["row 7", "kim@example.org", "unknown-hash"]));
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn an_update_ends_sessions_and_leaves_a_superuser() {
    for storage in Storage::each() {
        let desk = Desk::over(storage).migrated();
        let create = desk.users(&["create", "root@example.org", "--superuser", "--password-stdin"]);
        create.input(&format!("{PASSWORD}\n")).run().with_code(0);
        let service = desk.program().start();
        let ann = join(&mut service.connect(), "ann@example.org").unwrap();
        let bob = join(&mut service.connect(), "bob@example.org").unwrap();
        let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));

        let exported = desk.export(&[]).output;
        let changed: String = exported
            .lines()
            .map(|line| {
                let line = line.replace("\"is_superuser\":true", "\"is_superuser\":false");
                let active = if line.contains("ann@") { "false" } else { "true" };
                let tier = if line.contains("bob@") { "premium" } else { "free" };
                line.replace("\"is_active\":true", &format!("\"is_active\":{active}"))
                    .replace("\"tier\":\"free\"", &format!("\"tier\":\"{tier}\""))
                    + "\n"
            })
            .collect();
        let refused = desk.import(&changed, &[], 1);
        assert_eq!(refused["refused_by_code"], json!({ "differs": 3 }));
        let skipped = desk.import(&changed, &["--on-conflict", "skip"], 0);
        assert_eq!(skipped["skipped"], 3);
        for tokens in [&ann, &bob, &root] {
            service.call(&me(&tokens.access)).expect(200);
        }
        let updated = desk.import(&changed, &["--on-conflict", "update"], 1);
        assert_eq!(
            (&updated["updated"], &updated["refused_by_code"]),
            (&json!(2), &json!({ "last-superuser": 1 }))
        );
        service.call(&me(&ann.access)).expect(401);
        service.call(&login("ann@example.org", PASSWORD)).expect(401);
        let bob = service.call(&me(&bob.access)).expect(200);
        assert_eq!(bob.text("tier"), "premium");
        service.call(&me(&root.access)).expect(200);
        // Import the original export again.
        let back = desk.import(&exported, &["--on-conflict", "update"], 0);
        assert_eq!(
            (&back["updated"], &back["unchanged"], &back["same"]),
            (&json!(2), &json!(1), &json!(true))
        );
        service.stop();
    }
}

#[test]
fn wrong_usage_is_told() {
    let desk = Desk::over(Storage::sqlite()).migrated();
    assert!(desk.users(&["import", "nowhere.ndjson"]).run().with_code(1).contains("nowhere.ndjson"));
    desk.users(&["import"]).run().with_code(2);
    desk.users(&["import", "-", "--on-conflict", "merge"]).run().with_code(2);
    desk.users(&["export", "file", "--checksum-only"]).run().with_code(2);
    let memory = desk.users(&["export"]).env("DATABASE_URL", "memory:");
    assert!(memory.run().with_code(2).contains("DATABASE_URL"));

    let adopt = |arguments: &[&str]| desk.program().args(["adopt"]).args(arguments.iter().copied()).run();
    assert!(adopt(&["--from", "sqlite://nowhere.db"]).with_code(1).contains("nowhere.db"));
    assert!(adopt(&["--table", "people"]).with_code(1).contains("the table people does not exist"));
    assert!(adopt(&["--table", "sessions"]).with_code(1).contains("no column email"));
    let program = desk.program().env("PGPASSWORD", "hunter2").args(["adopt", "--from"]);
    let wrong = program.args(["postgres://u@127.0.0.1:1/x"]).run().with_code(1);
    assert!(!wrong.contains("hunter2"), "{wrong}");
}
