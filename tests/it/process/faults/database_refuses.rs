//! PostgreSQL responds, but fails to execute statements.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::process::{Answer, Call, Service, until};
use inwren_tests::stores::{PrivatePostgres, TempFolder};

use super::program;
use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh, register};
use crate::process::support::times::SLACK;

/// The service on a PostgreSQL server of its own, with one logged-in user.
struct Started {
    server: PrivatePostgres,
    service: Service,
    tokens: Tokens,
    _folder: TempFolder,
}

const ANN: &str = "ann@example.org";

fn start() -> Started {
    let (server, folder) = (PrivatePostgres::start(), TempFolder::new());
    let service = program(&folder, &server.url()).start();
    let tokens = join(&mut service.connect(), ANN).expect("an answer");
    Started { server, service, tokens, _folder: folder }
}

/// One request of every kind that writes.
fn writes(tokens: &Tokens) -> Vec<(&'static str, Call)> {
    let change = serde_json::json!({ "current_password": PASSWORD, "new_password": "another pass phrase" });
    vec![
        ("register", register("new@example.org", PASSWORD)),
        ("login", login(ANN, PASSWORD)),
        ("refresh", refresh(&tokens.refresh)),
        (
            "access-token",
            Call::new("POST", "/auth/access-token")
                .form(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]),
        ),
        ("change password", Call::post("/users/me/password", &change).bearer(&tokens.access)),
        ("logout", Call::new("POST", "/auth/logout").bearer(&tokens.access)),
    ]
}

#[track_caller]
fn expect_clear_503(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    assert!(answer.header("retry-after").is_some(), "{what}: {answer:?}");
    let body = answer.json();
    let code = body["code"].as_str().unwrap_or_default();
    assert!(["unavailable", "overloaded"].contains(&code), "{what}: {answer:?}");
    for secret in ["SQLSTATE", "trigger", "UPDATE", "53100"] {
        assert!(!answer.body.contains(secret), "{what}: {answer:?}");
    }
}

/// Sends every write, expects a 503 for each, and returns their number and the duration of the slowest.
#[track_caller]
fn all_refused(started: &Started) -> (usize, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    for (what, call) in writes(&started.tokens) {
        let begun = Instant::now();
        expect_clear_503(what, &started.service.call(&call));
        slowest = slowest.max(begun.elapsed());
        count += 1;
    }
    (count, slowest)
}

/// The refused writes did not happen, and everything works again.
#[track_caller]
fn as_before(started: &Started) {
    let Started { service, tokens, .. } = started;
    Tokens::of(&service.call(&login(ANN, PASSWORD)));
    service.call(&me(&tokens.access)).expect(200);
    Tokens::of(&service.call(&refresh(&tokens.refresh)));
    service.call(&register("new@example.org", PASSWORD)).expect(201);
    assert!(!service.log().contains("panicked"), "{}", service.log());
}

#[test]
fn an_error_of_the_database_is_a_clear_503() {
    for (state, name) in [
        ("53100", "disk full"),
        ("40001", "serialisation failure"),
        ("40P01", "deadlock"),
        ("58030", "I/O error"),
    ] {
        let started = start();
        started.server.ask(&format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'no more' USING ERRCODE = '{state}'; END $$"
        ));
        for table in ["users", "sessions", "audit_events"] {
            let trigger = format!(
                "CREATE TRIGGER fail BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION fail()"
            );
            started.server.ask(&trigger);
        }
        let (count, slowest) = all_refused(&started);
        started.service.call(&me(&started.tokens.access)).expect(200);
        for table in ["users", "sessions", "audit_events"] {
            started.server.ask(&format!("DROP TRIGGER fail ON {table}"));
        }
        as_before(&started);
        println!(
            "{name} ({state}): {count} writes sent, {count} answered with 503, the slowest after {slowest:.0?}"
        );
    }
}

/// Makes the server reload its settings. A new connection uses the new settings immediately, and an existing connection
/// uses them from its next statement.
fn reload(server: &PrivatePostgres, expected: &str) {
    server.ask("SELECT pg_reload_conf()");
    until("the settings are read", || {
        let shown: String =
            server.ask("SHOW default_transaction_read_only")[0].try_get_by_index(0).expect("a setting");
        shown == expected
    });
}

#[test]
fn a_read_only_database_still_reads() {
    let started = start();
    started.server.ask("ALTER SYSTEM SET default_transaction_read_only = on");
    reload(&started.server, "on");
    let (count, slowest) = all_refused(&started);
    for _ in 0..20 {
        started.service.call(&me(&started.tokens.access)).expect(200);
    }
    started.service.call(&Call::get("/health")).expect(200);
    started.server.ask("ALTER SYSTEM RESET default_transaction_read_only");
    reload(&started.server, "off");
    as_before(&started);
    println!(
        "read-only: {count} writes and 20 reads sent; all writes got 503 (slowest {slowest:.0?}), all reads 200"
    );
}

#[test]
fn a_lock_that_is_held_too_long_is_not_waited_for() {
    let started = start();
    let Started { server, service, tokens, .. } = &started;
    let (release, released) = channel::<()>();
    let (held, holds) = channel();
    let url = server.url();
    let holder = thread::spawn(move || {
        use sea_orm_migration::sea_orm::{ConnectionTrait as _, Database, TransactionTrait as _};
        crate::process::support::database::block_on(async {
            let connection = Database::connect(url).await.expect("a connection");
            let transaction = connection.begin().await.expect("a transaction");
            transaction.execute_unprepared("SELECT * FROM users FOR UPDATE").await.expect("a lock");
            transaction.execute_unprepared("SELECT * FROM sessions FOR UPDATE").await.expect("a lock");
            held.send(()).expect("somebody who waits");
            let _ = released.recv();
            transaction.rollback().await.expect("an end");
        });
    });
    holds.recv().expect("a lock that is held");
    let (mut slowest, mut count) = (Duration::ZERO, 0);
    for (what, call) in writes(tokens).into_iter().filter(|(what, _)| *what != "register") {
        let begun = Instant::now();
        expect_clear_503(what, &service.call(&call));
        slowest = slowest.max(begun.elapsed());
        count += 1;
    }
    // Requests that need none of the locks do not wait.
    service.call(&me(&tokens.access)).expect(200);
    service.call(&register("bob@example.org", PASSWORD)).expect(201);
    drop(release);
    holder.join().expect("a holder");
    as_before(&started);
    println!(
        "rows locked: {count} sent, {count} answered with 503, the slowest after {slowest:.1?}; others served"
    );
    assert!(slowest < Duration::from_secs(5) + SLACK, "{slowest:?}");
}
