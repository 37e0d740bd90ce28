//! Everything that clients and operators do, at the most verbose log level. The log contains no secret, and a response
//! or an output contains only the secrets that belong there.

mod factors;
mod run;
mod stored;

use std::collections::HashMap;

use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use super::log_lines::is_request;
use crate::process::support::database::Storage;
use run::Run;

/// Shortest part of a token that the tests search for. Shorter parts may be in a log by chance, or are the same in all
/// tokens.
const TELLING: usize = 20;

#[test]
fn a_pretty_log_tells_no_secret() {
    for storage in Storage::each() {
        let (log, calls) = check(&storage, "pretty");
        let lines = log.lines().filter(|line| is_request(line)).count();
        assert_eq!(lines, calls, "one line for a request");
    }
}

#[test]
fn a_json_log_tells_no_secret_and_all_that_happened() {
    for storage in Storage::each() {
        let (log, calls) = check(&storage, "json");
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        let requests: Vec<&Value> = lines.iter().filter(|line| line["target"] == "inwren::request").collect();
        assert_eq!(requests.len(), calls, "one line for a request");
        let mut ids = HashMap::new();
        for line in requests {
            assert!(line["method"].is_string() && line["route"].is_string(), "{line}");
            assert!(line["status"].is_u64() && line["duration_ms"].is_number(), "{line}");
            assert_eq!(line["client"], "127.0.0.1", "{line}");
            let id = line["span"]["request_id"].as_str().unwrap_or_else(|| panic!("no request id: {line}"));
            *ids.entry(id.to_owned()).or_insert(0) += 1;
        }
        assert!(ids.values().all(|count| *count == 1), "an id for each request");
    }
}

const FIRST_PASSWORD: &str = "the first pass phrase of all";
const KEY_PASSPHRASE: &str = "the pass phrase of the keys";
/// The test server authenticates no connection, so it accepts any password.
const DATABASE_PASSWORD: &str = "hunter2-of-the-database";

/// Runs everything, and checks that no secret appears. Returns the log and the number of requests.
fn check(storage: &Storage, format: &str) -> (String, usize) {
    let folder = TempFolder::new();
    let program = Program::new(folder.path())
        .env("DATABASE_URL", with_password(&storage.url()))
        .env("LOG_FORMAT", format)
        .env("RUST_LOG", "trace")
        .env("PRIVATE_KEY_PASSPHRASE", KEY_PASSPHRASE)
        .env("TOTP_SKEW_STEPS", "2")
        .env("TRUSTED_DEVICE_DAYS", "30")
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", FIRST_PASSWORD);
    let mut run = Run::start(program);
    run.everything();
    let Run { service, calls, mut secrets, answers, .. } = run;
    secrets.extend([FIRST_PASSWORD, KEY_PASSPHRASE, DATABASE_PASSWORD].map(str::to_owned));
    secrets.extend(stored::digests(storage));
    secrets.extend(stored::keys(folder.path(), KEY_PASSPHRASE));
    secrets.extend(stored::secret_keys(folder.path()));
    let log = service.stop();
    assert!(log.contains("DEBUG") && log.contains("sqlx::query"), "the log is not at its most talkative");
    for secret in secrets.iter().chain(&stored::refresh_token_ids(storage)) {
        if let Some(line) = log.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{secret:?} is in the log on {}: {line}", storage.name());
        }
    }
    for secret in &secrets {
        if let Some(answer) = answers.iter().find(|answer| answer.contains(secret.as_str())) {
            panic!("{secret:?} is in an answer on {}: {answer}", storage.name());
        }
    }
    println!(
        "{format} log on {}: {} bytes, {} answers, none of {} secrets",
        storage.name(),
        log.len(),
        answers.len(),
        secrets.len()
    );
    (log, calls)
}

fn with_password(url: &str) -> String {
    match url.split_once("://postgres@") {
        Some((scheme, rest)) => format!("{scheme}://postgres:{DATABASE_PASSWORD}@{rest}"),
        None => url.to_owned(),
    }
}
