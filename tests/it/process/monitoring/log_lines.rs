//! The log has one line for each thing that happened, whatever clients write into their requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use crate::process::support::client::{PASSWORD, join, login, me};

/// What a line would have to have in it that somebody wrote who is not the service.
const FORGED: &str = "FORGED";

#[test]
fn nobody_writes_a_line_of_the_log() {
    for format in ["pretty", "json"] {
        let folder = TempFolder::new();
        let program = Program::new(folder.path())
            .env("DATABASE_URL", "memory:")
            .env("LOG_FORMAT", format)
            .env("RUST_LOG", "debug");
        let service = program.start();
        let line = format!("x\r\n2026-11-25T00:00:00Z ERROR {FORGED}\u{1b}[31m");
        let basic = STANDARD.encode(format!("{line}:{line}"));
        let escaped = format!("%0d%0a{FORGED}%1b%5b31m");
        let calls = [
            Call::get(&format!("/{escaped}?{escaped}={escaped}")),
            Call::get(&format!("/users/me/sessions/{escaped}")),
            Call::new("DELETE", format!("/users/me/sessions/{escaped}")),
            login(&line, &line),
            login(&format!("{FORGED}@example.org"), &line),
            Call::post("/auth/refresh", &json!({ "refresh_token": line })),
            Call::post("/auth/login", &json!({ line.as_str(): line })),
            Call::new("POST", "/auth/access-token").form(&[("username", &escaped), ("password", &escaped)]),
            Call::new("POST", "/auth/access-token").form(&[("grant_type", &escaped), (&escaped, "x")]),
            Call::new("POST", "/auth/introspect").header("Authorization", &format!("Basic {basic}")),
            me(&format!("{FORGED}.{FORGED}.{FORGED}")),
            Call::get("/users/me").header("Authorization", &format!("{FORGED} {FORGED}")),
            Call::get("/health").header("X-Request-Id", &format!("a b {FORGED}")),
            Call::get("/health").header("User-Agent", &format!("{FORGED}\t{FORGED}")),
            Call::get("/health").header("Origin", FORGED).header("Host", FORGED),
            Call::new(FORGED, "/health"),
        ];
        for call in &calls {
            assert!(service.call(call).status < 500, "{call:?}");
        }
        let log = service.stop();
        let requests = log.lines().filter(|line| line.contains("inwren::request")).count();
        assert_eq!(requests, calls.len(), "one line for a request:\n{log}");
        for line in log.lines() {
            assert!(!line.contains(|c: char| c.is_control()), "{format}: {line:?}");
            // The method is the one thing that is written as it came; hyper lets only tokens through.
            let ours = !line.contains(FORGED) || line.contains("inwren::request");
            assert!(ours, "{format}: {line}");
            if format == "json" {
                let parsed: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(parsed["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
            }
        }
    }
}

/// Who, from where, when and what: of those who were let in and of those who were not.
#[test]
fn the_log_says_whose_account_it_was() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:").env("LOG_FORMAT", "json");
    let service = program.start();
    let tokens = join(&mut service.connect(), "ann@example.org").expect("tokens");
    let id = service.call(&me(&tokens.access)).text("id");
    service.call(&login("ann@example.org", "not the pass phrase")).expect(401);
    service.call(&login("nobody@example.org", PASSWORD)).expect(401);
    let list = Call::get("/admin/users").bearer(&tokens.access);
    service.call(&list).expect(403);
    let log = service.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let refused: Vec<&Value> = lines.iter().filter(|line| line["message"] == "login refused").collect();
    assert_eq!(refused.len(), 2, "{log}");
    assert_eq!((&refused[0]["reason"], &refused[0]["user_id"]), (&json!("wrong password"), &json!(id)));
    assert_eq!((&refused[1]["reason"], &refused[1]["user_id"]), (&json!("unknown address"), &Value::Null));
    let requests = lines.iter().filter(|line| line["target"] == "inwren::request");
    let of_ann: Vec<(&Value, &Value)> = requests
        .filter(|line| line["span"]["user_id"] == id.as_str())
        .map(|line| (&line["route"], &line["status"]))
        .collect();
    assert_eq!(of_ann, [(&json!("/users/me"), &json!(200)), (&json!("/admin/users"), &json!(403))], "{log}");
    // A refusal and the request that it belongs to have one id, which says where it came from.
    let id_of = |line: &Value| line["span"]["request_id"].as_str().map(str::to_owned).expect("an id");
    for line in refused {
        let request =
            lines.iter().find(|other| other["target"] == "inwren::request" && id_of(other) == id_of(line));
        assert_eq!(request.expect("its request")["client"], "127.0.0.1");
    }
}
