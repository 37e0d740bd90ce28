//! Every forged token against the real binary, over a socket: no forgery is accepted, and its only trace is lines in
//! the log.

use inwren_adapters::crypto::keys::KeyPair;
use inwren_tests::app::forge::Forger;
use inwren_tests::app::{Contract, Operation, old_service};
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::forgeries::{self, Forgery, Original};
use crate::process::support::client::{PASSWORD, Tokens, login, me};
use crate::process::support::database::{Storage, block_on, execute};

/// Longest token, in bytes. A longer one does not fit into the headers of a request, and the service refuses it before
/// it looks for a token.
const FITS: usize = 24 * 1024;

#[test]
fn a_forged_token_leaves_nothing_but_a_line_in_the_log() {
    try_all(None);
}

/// The service accepts tokens of the legacy service, and still no forgery.
#[test]
fn nor_does_one_while_old_tokens_are_accepted() {
    try_all(Some(now() + 7 * 86_400));
}

/// Tries every token on every operation. The service accepts legacy tokens until `until`, in seconds since 1970.
fn try_all(until: Option<i64>) {
    let (folder, storage) = (TempFolder::new(), Storage::postgres());
    let program = Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("LOG_FORMAT", "json")
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", PASSWORD);
    let service = match until {
        Some(until) => program.env("LEGACY_TOKENS_UNTIL", rfc3339(until)).start(),
        None => program.start(),
    };
    let mut connection = service.connect();
    let mut call = |call: &Call| connection.call(call).expect("an answer");
    let root = Tokens::of(&call(&login("root@example.org", PASSWORD)));
    let operations = protected(&call(&Call::get("/openapi.json")).body);
    let id = call(&me(&root.access)).expect(200).text("id");
    let key = key_of(&folder);
    if until.is_some() {
        // Make the superuser look like a user imported from the legacy service.
        block_on(execute(&storage.url(), "UPDATE audit_events SET kind = 'user_imported'"));
        let good = old_service::token(&Forger::with(&key), &old_service::claims(&id, now()));
        call(&me(&good)).expect(200);
    }
    let before = rows(&storage);
    let lines_before = service.log().lines().count();

    let forgeries = forgeries(&key, &root, &id, until);
    for Forgery { what, token } in &forgeries {
        for operation in &operations {
            let attempt = Call::new(&operation.method, operation.path_with("rubbish"));
            let answer = call(&attempt.json(&json!({ "rubbish": 1 })).bearer(token));
            assert_eq!(answer.status, 401, "{what} at {}: {answer:?}", operation.id());
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {answer:?}");
        }
    }

    assert_eq!(rows(&storage), before);
    call(&me(&root.access)).expect(200);
    let attempts = forgeries.len() * operations.len();
    let log = service.stop();
    check_log(&log.lines().skip(lines_before).collect::<Vec<_>>(), attempts, &root);
    println!("{} forged tokens at {} operations", forgeries.len(), operations.len());
}

fn protected(document: &str) -> Vec<Operation> {
    let operations = Contract::read(document).operations();
    operations.into_iter().filter(Operation::is_protected).collect()
}

fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs().cast_signed()
}

fn rfc3339(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    time.format(&Rfc3339).expect("a time that can be written")
}

fn key_of(folder: &TempFolder) -> KeyPair {
    let pem = std::fs::read_to_string(folder.path().join("certs/private.pem")).expect("the key");
    KeyPair::from_pem(&pem).expect("a key pair")
}

/// The forgeries that can arrive in a header over a socket: the receiver strips white space at both ends (RFC 9110
/// section 5.5).
fn forgeries(key: &KeyPair, good: &Tokens, user: &str, until: Option<i64>) -> Vec<Forgery> {
    let mut all = Vec::new();
    // First, because some of them become valid a minute from now.
    if let Some(until) = until {
        let (public, ours) = (key.public(), Forger::with(key));
        let pem = public.to_pem().expect("PEM");
        all.extend(forgeries::old_service::all(&ours, &pem, public.id(), user, now(), until));
    }
    all.extend(Original::new(key, &good.access, &good.refresh, now()).forgeries());
    let arrives = |forgery: &Forgery| {
        let token = forgery.token.as_str();
        forgery.fits_a_header() && token.len() < FITS && token == token.trim_end_matches([' ', '\t'])
    };
    all.into_iter().filter(arrives).collect()
}

/// All rows of the database, as text.
fn rows(storage: &Storage) -> Vec<String> {
    let tables = ["users", "sessions", "audit_events", "clients", "client_secrets"];
    let read = |table| {
        let question = format!("SELECT t::text AS row FROM {table} t ORDER BY 1");
        let rows = storage.ask(&question);
        rows.into_iter().map(|row| row.try_get("", "row").expect("a row")).collect::<Vec<String>>()
    };
    tables.into_iter().flat_map(read).collect()
}

/// Checks that each request has one log line and at most one more line with the reason, without any part of the token.
fn check_log(lines: &[&str], attempts: usize, good: &Tokens) {
    let (mut requests, mut refusals) = (0, 0);
    for line in lines {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if entry["target"] == "inwren::request" && entry["status"] == 401 {
            requests += 1;
        }
        if entry["message"] == "access token refused" {
            refusals += 1;
        }
        assert!(entry["level"] == "INFO", "{line}");
        let parts = good.access.split('.').chain(good.refresh.split('.'));
        for part in parts {
            assert!(!line.contains(part), "{line}");
        }
    }
    assert_eq!(requests, attempts);
    assert!((1..=attempts).contains(&refusals), "{refusals} of {attempts}");
}
