//! Accounts with very many sessions, as a database may contain from before the session limit.

use std::time::{Duration, Instant};

use inwren_tests::process::{Answer, Call, Connection, Program};
use inwren_tests::stores::TempFolder;
use serde_json::json;

use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh};
use crate::process::support::database::{Storage, block_on, execute};

/// Sessions of one account.
const MANY: u32 = 20_000;
const MANY_IN_A_LONG_RUN: u32 = 400_000;

/// Longest time of a response: PostgreSQL ends a statement after four seconds. Work proportional to the number of
/// sessions would take longer in a long run. The test prints the figures.
const MOST: Duration = Duration::from_secs(3);

const ANN: &str = "ann@example.org";
const ROOT: &str = "root@example.org";
const NEW_PASSWORD: &str = "another pass phrase of the tests";

fn many() -> u32 {
    if inwren_tests::is_long() { MANY_IN_A_LONG_RUN } else { MANY }
}

/// Adds live sessions to Ann's account. They are older than her existing ones.
fn multiply(storage: &Storage, count: u32) {
    let (id, time, series) = match storage {
        Storage::Sqlite(_) => (
            "randomblob(16)",
            "created_at - n * 1000000",
            format!(
                "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
            ),
        ),
        Storage::Postgres(_) => (
            "gen_random_uuid()",
            "created_at - n * interval '1 second'",
            format!("generate_series(1, {count}) AS c(n)"),
        ),
    };
    let insert = format!(
        "INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, rotated_at, \
         created_at, authenticated_at, last_used_at, expires_at, max_expires_at, ip_address, epoch) \
         SELECT {id}, user_id, 0, 0, 'x', hashed_refresh_token, {time}, {time}, {time}, {time}, expires_at, max_expires_at, \
         '192.0.2.1', epoch FROM {series}, (SELECT s.* FROM sessions AS s JOIN users AS u ON u.id = s.user_id \
         AND u.sessions_epoch = s.epoch WHERE u.email = '{ANN}' AND s.revoked_at IS NULL \
         ORDER BY s.created_at DESC LIMIT 1) AS one"
    );
    block_on(execute(&storage.url(), &insert));
    block_on(execute(&storage.url(), "ANALYZE"));
}

/// Sends a request, prints its duration, and checks it against `MOST`.
fn timed(connection: &mut Connection, storage: &Storage, what: &str, call: &Call) -> Answer {
    let begun = Instant::now();
    let answer = connection.call(call).expect("an answer");
    let took = begun.elapsed();
    println!("{}, {} sessions: {what} took {took:?}", storage.name(), many());
    assert!(took < MOST, "{what} took {took:?}");
    answer
}

fn refused(connection: &mut Connection, tokens: &Tokens) {
    connection.call(&me(&tokens.access)).expect("an answer").expect(401);
    connection.call(&refresh(&tokens.refresh)).expect("an answer").expect(401);
}

fn items(page: &Answer) -> usize {
    page.json()["items"].as_array().expect("sessions").len()
}

#[test]
fn any_number_of_sessions_is_ended_and_listed() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        let create = ["users", "create", ROOT, "--superuser", "--password-stdin"];
        program.clone().args(create).input(PASSWORD).run().with_code(0);
        let line = &mut service.connect();
        let first = join(line, ANN).expect("an account");
        let root = Tokens::of(&line.call(&login(ROOT, PASSWORD)).expect("an answer"));
        let id = line.call(&me(&first.access)).expect("an answer").text("id");
        let of_ann = format!("/admin/users/{id}/sessions");

        // The lists have pages.
        multiply(&storage, many());
        let own = Call::get("/users/me/sessions").bearer(&first.access);
        let page = timed(line, &storage, "the list", &own).expect(200);
        assert_eq!(items(&page), 100);
        let next = format!("/users/me/sessions?cursor={}", page.text("next_cursor"));
        let page =
            timed(line, &storage, "its next page", &Call::get(&next).bearer(&first.access)).expect(200);
        assert_eq!(items(&page), 100);
        let page = timed(line, &storage, "the admin's", &Call::get(&of_ann).bearer(&root.access)).expect(200);
        assert_eq!(items(&page), 100);

        // A password change ends all sessions but one.
        let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        let change = Call::post("/users/me/password", &change).bearer(&first.access);
        let changed = Tokens::of(&timed(line, &storage, "a new password", &change));
        line.call(&refresh(&first.refresh)).expect("an answer").expect(401);
        let page = line.call(&Call::get("/users/me/sessions").bearer(&changed.access)).expect("an answer");
        assert_eq!(items(&page.expect(200)), 1);

        // A login reduces the sessions of the account to the limit.
        multiply(&storage, many());
        let second = Tokens::of(&timed(line, &storage, "a login", &login(ANN, NEW_PASSWORD)));
        let page = line.call(&Call::get("/users/me/sessions?limit=200").bearer(&second.access));
        assert_eq!(items(&page.expect("an answer").expect(200)), 100);
        timed(line, &storage, "the next login", &login(ANN, NEW_PASSWORD)).expect(200);

        // The user ends all other sessions, and an administrator ends all.
        multiply(&storage, many());
        let end = Call::new("DELETE", "/users/me/sessions").bearer(&second.access);
        timed(line, &storage, "the end of the others", &end).expect(204);
        refused(line, &changed);
        let page = line.call(&Call::get("/users/me/sessions").bearer(&second.access)).expect("an answer");
        assert_eq!(items(&page.expect(200)), 1);
        multiply(&storage, many());
        let end = Call::new("DELETE", of_ann.as_str()).bearer(&root.access);
        timed(line, &storage, "the end of all", &end).expect(204);
        refused(line, &second);

        // A deactivation and a deletion.
        let third = Tokens::of(&line.call(&login(ANN, NEW_PASSWORD)).expect("an answer"));
        multiply(&storage, many());
        let close = Call::new("DELETE", "/users/me").bearer(&third.access);
        timed(line, &storage, "a deactivation", &close).expect(204);
        refused(line, &third);
        let activate = Call::new("PUT", format!("/admin/users/{id}")).bearer(&root.access);
        line.call(&activate.json(&json!({ "is_active": true }))).expect("an answer").expect(200);
        refused(line, &third);
        let fourth = Tokens::of(&line.call(&login(ANN, NEW_PASSWORD)).expect("an answer"));
        multiply(&storage, many());
        let delete = Call::new("DELETE", format!("/admin/users/{id}")).bearer(&root.access);
        timed(line, &storage, "a deletion", &delete).expect(204);
        refused(line, &fourth);
        let log = service.stop();
        assert!(!log.contains("ERROR"), "{log}");
    }
}
