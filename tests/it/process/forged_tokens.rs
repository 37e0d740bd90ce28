//! Every forged token against the real binary, over a socket: nothing is let in, and nothing is left but lines in the log.

use inwren_adapters::crypto::keys::KeyPair;
use inwren_tests::app::{Contract, Operation};
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use super::client::{PASSWORD, Tokens, login, me};
use super::database::Storage;
use crate::forgeries::{Forgery, Original};

/// More does not fit into a request's headers, and is refused before anybody could look for a token.
const FITS: usize = 24 * 1024;

#[test]
fn a_forged_token_leaves_nothing_but_a_line_in_the_log() {
    let (folder, storage) = (TempFolder::new(), Storage::postgres());
    let service = Program::new(folder.path())
        .env("DATABASE_URL", storage.url())
        .env("LOG_FORMAT", "json")
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", PASSWORD)
        .start();
    let mut connection = service.connect();
    let mut call = |call: &Call| connection.call(call).expect("an answer");
    let root = Tokens::of(&call(&login("root@example.org", PASSWORD)));
    let operations = protected(&call(&Call::get("/openapi.json")).body);
    let before = rows(&storage);
    let lines_before = service.log().lines().count();

    let forgeries = forgeries(&folder, &root);
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

/// What a header can carry over a socket, which takes the white space off its ends (RFC 9110 section 5.5).
fn forgeries(folder: &TempFolder, good: &Tokens) -> Vec<Forgery> {
    let pem = std::fs::read_to_string(folder.path().join("certs/private_key.pem")).expect("the key");
    let key = KeyPair::from_pem(&pem).expect("a key pair");
    let now = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs().cast_signed();
    let all = Original::new(&key, &good.access, &good.refresh, now).forgeries();
    let arrives = |forgery: &Forgery| {
        let token = forgery.token.as_str();
        forgery.fits_a_header() && token.len() < FITS && token == token.trim_end_matches([' ', '\t'])
    };
    all.into_iter().filter(arrives).collect()
}

/// All that the database holds, as text.
fn rows(storage: &Storage) -> Vec<String> {
    let tables = ["users", "sessions", "audit_events", "service_clients"];
    let read = |table| {
        let question = format!("SELECT t::text AS row FROM {table} t ORDER BY 1");
        let rows = storage.ask(&question);
        rows.into_iter().map(|row| row.try_get("", "row").expect("a row")).collect::<Vec<String>>()
    };
    tables.into_iter().flat_map(read).collect()
}

/// One line for each request, and at most one that says why, without anything of the token.
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
