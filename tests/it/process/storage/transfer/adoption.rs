//! Migration from tables of other services, with every value that databases allow: each row is imported or reported,
//! and no row aborts the run.

use inwren_tests::process::Call;
use inwren_tests::stores::TestDatabase;
use serde_json::{Value, json};

use super::{Desk, line};
use crate::process::support::client::{PASSWORD, Tokens, login};
use crate::process::support::database::{Storage, block_on, execute};

const HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g";

/// A database of another service.
struct Source(Storage);

impl Source {
    /// Creates the database with these statements.
    fn of(storage: Storage, statements: &[String]) -> Self {
        let url = storage.url();
        let url = if url.starts_with("sqlite") { format!("{url}?mode=rwc") } else { url };
        for statement in statements {
            block_on(execute(&url, statement));
        }
        Self(storage)
    }

    /// Adopts a table, first as a dry run, and returns the report.
    #[track_caller]
    fn adopt(&self, desk: &Desk, table: &str, code: i32) -> Value {
        let adopt = |what: &str, code| {
            let url = self.0.url();
            let program = desk.program().args(["adopt", "--from", &url, "--table", table, "--json", what]);
            let finished = program.run();
            assert_eq!(finished.code, Some(code), "{table}: {}{}", finished.output, finished.errors);
            serde_json::from_str::<Value>(&finished.output).expect("JSON")
        };
        let dry = adopt("--dry-run", 0);
        let done = adopt("--yes", code);
        assert_eq!((&dry["added"], &dry["refused_by_code"]), (&done["added"], &done["refused_by_code"]));
        done
    }
}

/// The refused rows, sorted: id, code and reason.
fn refused(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let problems = told["problems"].as_array().expect("problems").iter();
    let mut refused: Vec<_> = problems
        .map(|problem| (text(&problem["place"]).replace("row ", ""), text(&problem["detail"])))
        .collect();
    refused.sort();
    refused
}

/// The value of a column for every stored user, by address.
fn kept(desk: &Desk, column: &str) -> Vec<(String, Value)> {
    let exported = desk.export(&[]).output;
    let users = exported.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut kept: Vec<_> = users
        .map(|user| (user["email"].as_str().expect("an address").to_owned(), user[column].clone()))
        .collect();
    kept.sort_by(|(one, _), (other, _)| one.cmp(other));
    kept
}

#[test]
fn ids_of_every_postgres_type_are_walked_to_the_end() {
    let uuid = "gen_random_uuid()::text";
    let types = [
        ("char(36)", uuid, 2_500),
        ("character(40)", uuid, 5),
        ("varchar(36)", uuid, 1_001),
        ("text", uuid, 5),
        ("name", uuid, 5),
        ("uuid", uuid, 1_001),
        ("bytea", "decode(replace(gen_random_uuid()::text, '-', ''), 'hex')", 5),
        ("smallint", "n", 5),
        ("integer", "n + 100000", 1_001),
        ("bigint", "n + 200000", 5),
        ("numeric", "n + 300000", 5),
        ("numeric(20,0)", "n + 400000", 1_001),
        ("char(6)", "(n + 500000)::text", 1_001),
        ("a_domain", uuid, 5),
        ("a_domain_of_a_domain", uuid, 1_001),
        ("an_enum", "'00000000-0000-4000-8000-00000000000' || n", 3),
    ];
    let labels = (1..=3).map(|n| format!("'00000000-0000-4000-8000-00000000000{n}'"));
    let mut statements = vec![
        "CREATE DOMAIN a_domain AS char(36)".to_owned(),
        "CREATE DOMAIN a_domain_of_a_domain AS a_domain".to_owned(),
        format!("CREATE TYPE an_enum AS ENUM ({})", labels.collect::<Vec<_>>().join(", ")),
    ];
    for (place, (kind, id, count)) in types.iter().enumerate() {
        statements
            .push(format!("CREATE TABLE t{place} (id {kind} PRIMARY KEY, email text, hashed_password text)"));
        statements.push(format!(
            "INSERT INTO t{place} SELECT ({id})::{kind}, 'user.' || n || '@t{place}.example.org', '{HASH}' \
             FROM generate_series(1, {count}) AS c(n)"
        ));
    }
    let source = Source::of(Storage::postgres(), &statements);
    let desk = Desk::over(Storage::sqlite()).migrated();
    for (place, (kind, _, count)) in types.iter().enumerate() {
        let told = source.adopt(&desk, &format!("t{place}"), 0);
        assert_eq!((&told["added"], &told["table"]["rows"]), (&json!(count), &json!(count)), "{kind}");
    }
}

#[test]
fn rows_without_a_key_are_walked_to_the_end() {
    let table = "(id text, email text, hashed_password text)";
    let rows = |name: &str, series: &str| {
        format!(
            "INSERT INTO {name} SELECT '0192f0c1-2b3c-7d4e-8f5a-' || (100000000000 + n), \
             'user.' || n || '@{name}.example.org', '{HASH}' FROM {series}"
        )
    };
    let series = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1500) SELECT n FROM c) AS s";
    let twice = "INSERT INTO plain SELECT * FROM plain WHERE email = 'user.7@plain.example.org'".to_owned();
    let view = "CREATE VIEW people AS SELECT id, email AS email, hashed_password FROM plain".to_owned();
    let null = format!("INSERT INTO plain VALUES (NULL, 'null@example.org', '{HASH}')");
    let plain = [format!("CREATE TABLE plain {table}"), rows("plain", series), twice, null, view];
    for storage in Storage::each() {
        let is_sqlite = storage.url().starts_with("sqlite");
        let name = storage.name();
        let source = Source::of(storage, &plain);
        for table in ["plain", "people"] {
            let desk = Desk::over(Storage::sqlite()).migrated();
            let told = source.adopt(&desk, table, 1);
            // Both rows with the same address are refused.
            assert_eq!(told["added"], 1_499, "{name} {table}: {told}");
            assert_eq!(
                told["refused_by_code"],
                json!({ "case-conflict": 2, "invalid-id": 1 }),
                "{name} {table}"
            );
        }
        if is_sqlite {
            let of_sqlite = [
                "CREATE TABLE keyed (id text PRIMARY KEY, email text, hashed_password text) WITHOUT ROWID"
                    .to_owned(),
                rows("keyed", series),
                "CREATE TABLE named (id text, email text, hashed_password text, rowid text, oid text)"
                    .to_owned(),
                "INSERT INTO named SELECT id, email, hashed_password, 'same', 'same' FROM keyed".to_owned(),
            ];
            let Source(storage) = source;
            let source = Source::of(storage, &of_sqlite);
            for table in ["keyed", "named"] {
                let desk = Desk::over(Storage::sqlite()).migrated();
                assert_eq!(source.adopt(&desk, table, 0)["added"], 1_500, "{table}");
            }
        }
    }
}

#[test]
fn flags_mean_what_they_say_or_are_reported() {
    let yes = ["1", "true", "'true'", "'t'", "'yes'", "'True'", "'1'", "1.0", "' on '"];
    let no = ["0", "false", "'false'", "'f'", "'no'", "'False'", "'0'", "0.0", "NULL"];
    let odd = ["2", "-1", "'maybe'", "''", "x'ff'"];
    let flags: Vec<&str> = yes.iter().chain(&no).chain(&odd).copied().collect();
    let mut statements = vec![
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, hashed_password TEXT, is_active BOOLEAN)"
            .to_owned(),
    ];
    for (place, flag) in flags.iter().enumerate() {
        let place = place + 10;
        statements.push(format!(
            "INSERT INTO users VALUES ({place}, 'user.{place}@example.org', '{HASH}', {flag})"
        ));
    }
    let source = Source::of(Storage::sqlite(), &statements);
    let desk = Desk::over(Storage::sqlite()).migrated();
    let told = source.adopt(&desk, "users", 1);
    assert_eq!(told["refused_by_code"], json!({ "unreadable": odd.len() }));
    let reason = "the value of is_active cannot be read".to_owned();
    let first = 10 + yes.len() + no.len();
    let expected: Vec<_> =
        (first..first + odd.len()).map(|place| (place.to_string(), reason.clone())).collect();
    assert_eq!(refused(&told), expected);
    assert_eq!(
        (&told["found"]["inactive"], &told["found"]["unreadable"]),
        (&json!(no.len()), &json!(odd.len()))
    );
    let expected: Vec<_> = (0..yes.len() + no.len())
        .map(|place| (format!("user.{}@example.org", place + 10), json!(place < yes.len())))
        .collect();
    assert_eq!(kept(&desk, "is_active"), expected);

    // PostgreSQL gives each column one type.
    let rows = [
        ("boolean", "true", "false", "NULL", 0),
        ("integer", "1", "0", "2", 1),
        ("numeric", "1", "0", "-1", 1),
        ("text", "'yes'", "'no'", "'maybe'", 1),
        ("varchar(5)", "'True'", "'False'", "''", 1),
        ("char(5)", "'t'", "'f'", "'x'", 1),
    ];
    let mut statements = Vec::new();
    for (place, (kind, yes, no, odd, _)) in rows.iter().enumerate() {
        statements.push(format!(
            "CREATE TABLE t{place} (id bigint, email text, hashed_password text, is_superuser {kind})"
        ));
        for (n, flag) in [yes, no, odd].iter().enumerate() {
            statements.push(format!(
                "INSERT INTO t{place} VALUES ({}, '{n}@t{place}.example.org', '{HASH}', {flag})",
                place * 10 + n
            ));
        }
    }
    let source = Source::of(Storage::postgres(), &statements);
    for (place, (kind, _, _, _, odd)) in rows.iter().enumerate() {
        let desk = Desk::over(Storage::sqlite()).migrated();
        let told = source.adopt(&desk, &format!("t{place}"), i32::from(*odd > 0));
        assert_eq!((&told["added"], &told["refused"]), (&json!(3 - odd), &json!(odd)), "{kind}");
        let flags: Vec<_> = kept(&desk, "is_superuser").into_iter().map(|(_, flag)| flag).collect();
        assert_eq!(flags.get(..2), Some(&[json!(true), json!(false)][..]), "{kind}");
    }
}

#[test]
fn an_odd_value_is_a_problem_of_its_row() {
    let at = "\"2025-01-02T03:04:05Z\"";
    let times = [
        ("'2025-01-02 03:04:05'", at),
        ("'2025-01-02 03:04:05 UTC'", at),
        ("'2025-01-02 04:04:05 +01:00'", at),
        ("'2025-1-2 3:4:5'", at),
        ("1735787045", at),
        ("1735787045000", at),
        ("'1735787045'", at),
        ("''", ""),
        ("NULL", ""),
        ("'yesterday'", "created_at"),
        ("2025", "created_at"),
        ("x'ff'", "created_at"),
        ("'1969-12-31 23:59:59'", "out of range"),
        ("'9999-01-01 00:00:00'", "out of range"),
        ("'9999-12-31 23:59:59-01:00'", "out of range"),
    ];
    let mut statements = vec![
        "CREATE TABLE users (id BLOB, email TEXT, hashed_password TEXT, tier TEXT, created_at DATETIME)"
            .to_owned(),
        format!("INSERT INTO users VALUES ('90', 'a@example.org', x'24ff', 'free', NULL)"),
        format!("INSERT INTO users VALUES ('91', 'b@example.org', '{HASH}' || char(0), 'free', NULL)"),
        format!("INSERT INTO users VALUES ('92', x'ff', '{HASH}', 'free', NULL)"),
        format!("INSERT INTO users VALUES ('93', 'd@example.org', '{HASH}', x'ff', NULL)"),
        format!("INSERT INTO users VALUES ('94', 'e@example.org', CAST('{HASH}' AS BLOB), 'FREE', NULL)"),
    ];
    for (place, (time, _)) in times.iter().enumerate() {
        let place = place + 10;
        statements.push(format!(
            "INSERT INTO users VALUES ('{place}', 'user.{place}@example.org', '{HASH}', NULL, {time})"
        ));
    }
    let source = Source::of(Storage::sqlite(), &statements);
    let desk = Desk::over(Storage::sqlite()).migrated();
    let told = source.adopt(&desk, "users", 1);
    let reasons = refused(&told);
    let reason = |id: &str| reasons.iter().find(|(place, _)| place == id).map(|(_, reason)| reason.as_str());
    for (id, column) in
        [("90", "hashed_password"), ("91", "hashed_password"), ("92", "email"), ("93", "tier")]
    {
        assert!(reason(id).is_some_and(|reason| reason.contains(column)), "{id}: {reasons:?}");
    }
    assert_eq!(reason("94"), None);
    let kept = kept(&desk, "created_at");
    for (place, (time, expected)) in times.iter().enumerate() {
        let email = format!("user.{}@example.org", place + 10);
        let kept = kept.iter().find(|(other, _)| *other == email).map(|(_, at)| at.to_string());
        match reason(&(place + 10).to_string()) {
            Some(reason) => assert!(!expected.is_empty() && reason.contains(expected), "{time}: {reason}"),
            None if expected.is_empty() => assert!(kept.is_some(), "{time}"),
            None => assert_eq!(kept.as_deref(), Some(*expected), "{time}"),
        }
    }
    assert_eq!(reasons.len(), 4 + 6);

    let statements = [
        "CREATE TABLE users (id bigint, email text, hashed_password bytea, created_at text, updated_at timestamptz)",
        "INSERT INTO users VALUES (1, 'a@example.org', '\\x24ff', NULL, NULL)",
        &format!(
            "INSERT INTO users VALUES (2, 'b@example.org', '{HASH}', '2025-01-02 03:04:05 UTC', 'infinity')"
        ),
        &format!("INSERT INTO users VALUES (3, 'c@example.org', '{HASH}', 'yesterday', NULL)"),
        &format!("INSERT INTO users VALUES (4, 'd@example.org', '{HASH}', NULL, '0044-03-15 12:00 BC')"),
        &format!("INSERT INTO users VALUES (5, 'e@example.org', '{HASH}', NULL, '20000-01-01')"),
    ];
    let source = Source::of(Storage::postgres(), &statements.map(str::to_owned));
    let desk = Desk::over(Storage::postgres()).migrated();
    let told = source.adopt(&desk, "users", 1);
    assert_eq!(told["refused_by_code"], json!({ "unreadable": 3, "out-of-range": 1 }));
    assert_eq!(kept_times(&desk), [at]);
}

/// PostgreSQL does not check the bytes of a SQL_ASCII database, so they need not be UTF-8. It converts other encodings.
#[test]
fn every_encoding_of_postgres_is_read() {
    for (encoding, bytes, added, refused) in [
        ("LATIN1", "5afc", 2, json!({ "invalid-email": 1 })),
        ("SQL_ASCII", "5aff", 1, json!({ "invalid-email": 1, "unreadable": 1 })),
    ] {
        let name = format!("convert_from('\\x{bytes}'::bytea, '{encoding}')");
        let emails = ["'ann@example.org'", &format!("{name} || '@example.org'"), "'a\\b@example.org'"];
        let mut statements =
            vec!["CREATE TABLE users (id char(8), email text, hashed_password text, tier text)".to_owned()];
        for (place, email) in emails.iter().enumerate() {
            statements.push(format!("INSERT INTO users VALUES ('{place}', {email}, '{HASH}', 'free')"));
        }
        let source = Source::of(Storage::Postgres(block_on(TestDatabase::encoded(encoding))), &statements);
        let desk = Desk::over(Storage::sqlite()).migrated();
        let told = source.adopt(&desk, "users", 1);
        assert_eq!((&told["added"], &told["refused_by_code"]), (&json!(added), &refused), "{encoding}");
    }
}

fn kept_times(desk: &Desk) -> Vec<String> {
    kept(desk, "created_at").into_iter().map(|(_, at)| at.to_string()).collect()
}

/// A row of an older release, or one that was changed by hand, breaks neither the list nor the requests of other users.
#[test]
fn a_row_that_cannot_be_read_is_left_out_of_the_list() {
    for storage in Storage::each() {
        let name = storage.name();
        let desk = Desk::over(storage).migrated();
        let create = desk.users(&["create", "root@example.org", "--superuser", "--password-stdin"]);
        create.input(&format!("{PASSWORD}\n")).run().with_code(0);
        let lines: String = (1..=6).map(|n| line(n, &format!("user.{n}@example.org"), "")).collect();
        desk.import(&lines, &[], 0);
        let url = desk.storage.url();
        let id = |n: u32| format!("WHERE email = 'user.{n}@example.org'");
        let is_sqlite = name == "SQLite";
        let (ancient, late) = if is_sqlite {
            ("-62000000000000000", "253400000000000000")
        } else {
            ("'0005-01-01'", "'9999-06-01'")
        };
        // PostgreSQL enforces the types of its columns. SQLite stores a number that is not an integer.
        if is_sqlite {
            block_on(execute(&url, &format!("UPDATE users SET credential_version = 9.3e18 {}", id(1))));
        }
        // The service still reads a user whose address has become invalid: the account still exists.
        block_on(execute(&url, &format!("UPDATE users SET email = 'none' {}", id(2))));
        block_on(execute(&url, &format!("UPDATE users SET created_at = {ancient} {}", id(3))));
        block_on(execute(&url, &format!("UPDATE users SET created_at = {late} {}", id(4))));
        let service = desk.program().start();
        let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));
        for limit in [1, 2, 50] {
            let mut found = Vec::new();
            let mut query = format!("limit={limit}");
            loop {
                let page = service.call(&Call::get(&format!("/admin/users?{query}")).bearer(&root.access));
                let page = page.expect(200).json();
                let items = page["items"].as_array().expect("items").iter();
                found.extend(items.map(|user| user["email"].as_str().expect("an address").to_owned()));
                assert!(found.len() <= 7, "{name}: {found:?}");
                let Some(cursor) = page["next_cursor"].as_str() else { break };
                query = format!("limit={limit}&cursor={cursor}");
            }
            found.sort();
            let readable = if is_sqlite { &[3, 4, 5, 6][..] } else { &[1, 3, 4, 5, 6] };
            let users = readable.iter().map(|n| format!("user.{n}@example.org"));
            let expected: Vec<_> =
                ["none", "root@example.org"].map(str::to_owned).into_iter().chain(users).collect();
            assert_eq!(found, expected, "{name}");
        }
        let log = service.stop();
        assert_eq!(log.contains("left out of the list"), is_sqlite, "{log}");
    }
}
