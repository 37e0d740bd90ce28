//! The log of everything that clients do, at its most talkative, tells no secret.

use std::collections::HashMap;

use inwren_tests::process::{Call, Program, Service};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use super::client::{Tokens, login, me, refresh, register};
use super::database::Storage;

/// Pieces of a token shorter than this may be in a log by chance, or are the same in all tokens.
const TELLING: usize = 20;

#[test]
fn a_pretty_log_tells_no_secret() {
    for storage in Storage::each() {
        let (log, calls) = check(&storage, "pretty");
        let lines = log.lines().filter(|line| line.contains("inwren::request: ")).count();
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

/// Runs everything and looks for what must not be there. Gives the log, and how many requests were made.
fn check(storage: &Storage, format: &str) -> (String, usize) {
    let folder = TempFolder::new();
    let service = Program::new(folder.path())
        .env("DATABASE_URL", with_password(&storage.url()))
        .env("LOG_FORMAT", format)
        .env("RUST_LOG", "trace")
        .env("FIRST_SUPERUSER_EMAIL", "root@example.org")
        .env("FIRST_SUPERUSER_PASSWORD", "the first pass phrase of all")
        .start();
    let mut run = Run { service, calls: 0, secrets: vec!["the first pass phrase of all".to_owned()] };
    run.everything();
    let Run { service, calls, mut secrets } = run;
    secrets.extend(stored_secrets(storage));
    secrets.push(DATABASE_PASSWORD.to_owned());
    let private = std::fs::read_to_string(folder.path().join("certs/private_key.pem")).expect("the key");
    secrets.extend(private.lines().filter(|line| !line.starts_with("---")).map(str::to_owned));
    let log = service.stop();
    assert!(log.contains("DEBUG") && log.contains("sqlx::query"), "the log is not at its most talkative");
    for secret in &secrets {
        if let Some(line) = log.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{secret:?} is in the log on {}: {line}", storage.name());
        }
    }
    println!("{format} log on {}: {} bytes, none of {} secrets", storage.name(), log.len(), secrets.len());
    (log, calls)
}

/// The server of the tests trusts everybody, and so takes any password.
const DATABASE_PASSWORD: &str = "hunter2-of-the-database";

fn with_password(url: &str) -> String {
    match url.split_once("://postgres@") {
        Some((scheme, rest)) => format!("{scheme}://postgres:{DATABASE_PASSWORD}@{rest}"),
        None => url.to_owned(),
    }
}

/// Digests and password hashes, in all the ways in which a log may write them.
fn stored_secrets(storage: &Storage) -> Vec<String> {
    let mut secrets = Vec::new();
    for row in storage.ask("SELECT hashed_password FROM users") {
        let phc: String = row.try_get("", "hashed_password").expect("a hash");
        secrets.extend(phc.split('$').filter(|part| part.len() >= TELLING).map(str::to_owned));
    }
    for row in storage.ask("SELECT refresh_jti, hashed_refresh_token FROM sessions") {
        let digest: Vec<u8> = row.try_get("", "hashed_refresh_token").expect("a digest");
        secrets.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        secrets.push(digest.iter().map(|byte| format!("{byte:02X}")).collect());
        secrets.push(digest.iter().map(u8::to_string).collect::<Vec<_>>().join(", "));
        // With this a holder of the signing key could make the token again.
        secrets.push(row.try_get("", "refresh_jti").expect("an id"));
    }
    assert!(secrets.len() > 8, "the database is empty");
    secrets
}

struct Run {
    service: Service,
    calls: usize,
    secrets: Vec<String>,
}

impl Run {
    fn everything(&mut self) {
        let ann = self.password("ann's first pass phrase");
        self.call(&register("ann@example.org", &ann), 201);
        self.call(&register("ann@example.org", &ann), 409);
        self.call(&register("bea@example.org", "password"), 422);
        let wrong = self.password("a wrong pass phrase of ann");
        self.call(&login("ann@example.org", &wrong), 401);
        self.call(&login("nobody@example.org", &wrong), 401);
        let first = self.tokens(&login("ann@example.org", &ann));
        let form =
            [("grant_type", "password"), ("username", "ann@example.org"), ("password", "form-pass-phrase-x")];
        self.secrets.push("form-pass-phrase-x".to_owned());
        self.call(&Call::new("POST", "/auth/access-token").form(&form), 400);
        let second = self.tokens(&refresh(&first.refresh));
        let form = [("grant_type", "refresh_token"), ("refresh_token", second.refresh.as_str())];
        let third = self.tokens(&Call::new("POST", "/auth/access-token").form(&form));
        self.call(&me(&third.access), 200);
        self.bad_tokens(&third);
        let new = self.password("ann's second pass phrase");
        let change = json!({ "current_password": ann, "new_password": new });
        let fourth = self.tokens(&Call::post("/users/me/password", &change).bearer(&third.access));
        let wrong = json!({ "current_password": ann, "new_password": new });
        self.call(&Call::post("/users/me/password", &wrong).bearer(&fourth.access), 401);
        self.call(&Call::get("/users/me/sessions").bearer(&fourth.access), 200);
        self.malformed(&ann);
        self.administration();
        self.call(&refresh(&first.refresh), 401);
        let last = self.tokens(&login("ann@example.org", &new));
        self.call(&Call::new("POST", "/auth/logout").bearer(&last.access), 204);
        self.call(&me(&last.access), 401);
    }

    fn bad_tokens(&mut self, good: &Tokens) {
        let mut forged = good.access.clone();
        forged.push_str("AAAA");
        self.secrets.push(forged.clone());
        self.call(&me(&forged), 401);
        self.call(&me(&good.refresh), 401);
        self.call(&refresh(&good.access), 401);
        self.call(&refresh("not-a-token-but-still-nobodys-business"), 401);
        self.secrets.push("not-a-token-but-still-nobodys-business".to_owned());
        self.call(&Call::get(&format!("/users/me?access_token={}", good.access)), 401);
        self.call(&Call::get("/users/me").header("Authorization", "Basic YW5uOnNlY3JldC1vZi1hbm4="), 401);
        self.secrets.push("YW5uOnNlY3JldC1vZi1hbm4".to_owned());
    }

    fn malformed(&mut self, password: &str) {
        let json = "application/json";
        let broken = format!("{{\"email\": \"ann@example.org\", \"password\": \"{password}");
        self.call(&Call::new("POST", "/auth/login").body(json, broken), 400);
        let unknown = json!({ "email": "ann@example.org", "password": password, "pass": password });
        self.call(&Call::post("/auth/login", &unknown), 422);
        let misplaced = json!({ "email": password, "password": 12 });
        self.call(&Call::post("/auth/login", &misplaced), 422);
        let twice =
            [("password", "form-pass-phrase-x"), ("password", "form-pass-phrase-x"), ("username", "ann")];
        self.call(&Call::new("POST", "/auth/access-token").form(&twice), 400);
    }

    fn administration(&mut self) {
        let root = self.tokens(&login("root@example.org", "the first pass phrase of all"));
        let list = self.call(&Call::get("/admin/users").bearer(&root.access), 200);
        let users = list["items"].as_array().expect("users").clone();
        let ann = users.iter().find(|user| user["email"] == "ann@example.org").expect("ann");
        let path = format!("/admin/users/{}", ann["id"].as_str().expect("an id"));
        let change = json!({ "tier": "premium" });
        self.call(&Call::new("PUT", path.as_str()).json(&change).bearer(&root.access), 200);
        self.call(&Call::get(&format!("{path}/sessions")).bearer(&root.access), 200);
    }

    fn password(&mut self, text: &str) -> String {
        self.secrets.push(text.to_owned());
        text.to_owned()
    }

    #[track_caller]
    fn call(&mut self, call: &Call, status: u16) -> Value {
        self.calls += 1;
        let answer = self.service.call(call).expect(status);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    #[track_caller]
    fn tokens(&mut self, call: &Call) -> Tokens {
        self.calls += 1;
        let tokens = Tokens::of(&self.service.call(call));
        for token in [&tokens.access, &tokens.refresh] {
            self.secrets.push(token.clone());
            // The header is the same for all tokens, but no log has a reason to write it either.
            self.secrets.extend(token.split('.').filter(|part| part.len() >= TELLING).map(str::to_owned));
        }
        tokens
    }
}
