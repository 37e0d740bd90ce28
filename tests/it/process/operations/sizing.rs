//! Disk space per row, compared with the figures of the page.

use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;

use super::page::row;
use crate::process::support::database::{Storage, block_on, execute};

const ROWS: i64 = 20_000;

/// Fills each table with rows as long as those of real clients, and returns the bytes per row.
fn measure(storage: &Storage) -> [(&'static str, i64); 3] {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
    program.args(["migrate", "up"]).run().with_code(0);
    let (id, digest, time, series) = match storage {
        Storage::Sqlite(_) => (
            "randomblob(16)",
            "randomblob(32)",
            "1790000000000000 + n",
            format!(
                "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) SELECT n FROM c)"
            ),
        ),
        Storage::Postgres(_) => (
            "gen_random_uuid()",
            "sha256(n::text::bytea)",
            "now() + n * interval '1 second'",
            format!("generate_series(1, {ROWS}) AS c(n)"),
        ),
    };
    let agent = "'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'";
    let hash =
        "'$argon2id$v=19$m=19456,t=2,p=1$c2VlZHNlZWRzZWVkc2VlZA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'";
    let jti = "'12.' || '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'";
    let users = format!(
        "INSERT INTO users (id, email, hashed_password, is_active, is_superuser, tier, created_at, updated_at, \
         email_normalized, credential_version) SELECT {id}, 'some.body.' || n || '@example.org', {hash}, true, false, 'free', \
         {time}, {time}, 'some.body.' || n || '@example.org', 0 FROM {series}"
    );
    let sessions = format!(
        "INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, \
         previous_hashed_refresh_token, rotated_at, created_at, authenticated_at, last_used_at, expires_at, max_expires_at, \
         ip_address, user_agent, last_ip_address) SELECT {id}, u.id, 12, 0, {jti}, {digest}, {digest}, {time}, {time}, {time}, {time}, \
         {time}, {time}, '203.0.113.77', {agent}, '203.0.113.78' FROM {series} JOIN users u ON u.email_normalized = 'some.body.' || n || '@example.org'"
    );
    let events = format!(
        "INSERT INTO audit_events (id, occurred_at, kind, user_id, session_id, actor_id, ip_address, user_agent) \
         SELECT {id}, {time}, 'logged_in', {id}, {id}, {id}, '203.0.113.77', {agent} FROM {series}"
    );
    [("user", users), ("session", sessions), ("audit event", events)].map(|(name, statement)| {
        let before = size(storage);
        block_on(execute(&storage.url(), &statement));
        (name, (size(storage) - before) / ROWS)
    })
}

fn size(storage: &Storage) -> i64 {
    let question = match storage {
        Storage::Sqlite(_) => "SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size",
        Storage::Postgres(_) => {
            "SELECT sum(pg_total_relation_size(oid))::bigint AS n FROM pg_class WHERE relname IN \
             ('users', 'sessions', 'audit_events') AND relkind = 'r'"
        }
    };
    storage.ask(question)[0].try_get("", "n").unwrap()
}

#[test]
fn a_row_costs_what_the_page_says() {
    for (column, storage) in [(1, Storage::sqlite()), (2, Storage::postgres())] {
        for (name, measured) in measure(&storage) {
            println!("{name} on {}: {measured} bytes", storage.name());
            let said = row(name)[column].clone();
            let said: i64 = said.trim_end_matches(" B").parse().unwrap_or_else(|_| panic!("{name}: {said}"));
            assert!(
                measured * 10 <= said * 12 && measured * 12 >= said * 10,
                "{name} on {}: {measured} bytes, and the page says {said}",
                storage.name()
            );
        }
    }
}
