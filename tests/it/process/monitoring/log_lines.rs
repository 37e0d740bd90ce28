//! The log has one line per event, whatever clients write into their requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::{Value, json};

use crate::process::support::client::{PASSWORD, join, login, me};

/// Marks text of a client. A forged log line would contain it.
const FORGED: &str = "FORGED";

/// Whether a line is that of a request, in either format: `11:34:07 GET /health 200 0.3 ms`.
pub(super) fn is_request(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    line.contains("inwren::request") || matches!(words[..], [_, _, _, _, _, "ms"] | [_, _, _, _, _, "ms", _])
}

#[test]
fn clients_cannot_forge_log_lines() {
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
        let requests = log.lines().filter(|line| is_request(line)).count();
        assert_eq!(requests, calls.len(), "one line for a request:\n{log}");
        for line in log.lines() {
            assert!(!line.contains(|c: char| c.is_control()), "{format}: {line:?}");
            // Only the method and, in development, the path appear as the client sent them; hyper accepts only visible
            // characters in both.
            let ours = !line.contains(FORGED) || is_request(line);
            assert!(ours, "{format}: {line}");
            if format == "json" {
                let parsed: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(parsed["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
            }
        }
    }
}

/// In development, the log describes each request in one short line.
#[test]
fn a_development_log_has_a_short_line_per_request() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path()).env("DATABASE_URL", "memory:");
    let service = program.start();
    service.call(&Call::get("/health?token=secret-of-ann")).expect(200);
    service.call(&Call::get("/users/me").header("X-Request-Id", "asked-by-ann")).expect(401);
    service.call(&Call::get("/nowhere?token=secret-of-ann")).expect(404);
    let log = service.stop();
    let (banner, lines) = log.split_once("\n\n  docs ").expect("a banner");
    assert!(
        banner.trim_start().starts_with("Inwren Auth is listening on "),
        "the banner is not first:\n{log}"
    );
    assert!(lines.contains("  issuer     http"), "{log}");
    let requests: Vec<Vec<&str>> =
        lines.lines().filter(|line| is_request(line)).map(|line| line.split(' ').collect()).collect();
    let [health, me, nowhere] = &requests[..] else { panic!("{log}") };
    assert_eq!((health[1..4].join(" "), health.len()), ("GET /health 200".to_owned(), 6), "{log}");
    assert_eq!(me[1..4].join(" "), "GET /users/me 401");
    assert_eq!(me.last(), Some(&"request_id=asked-by-ann"), "{log}");
    assert_eq!(nowhere[1..4].join(" "), "GET /nowhere 404");
    assert!(health[0].len() == 8 && health[0].split(':').count() == 3, "{log}");
    assert!(!log.contains("secret-of-ann") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_production_log_shows_the_route_only() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path());
    program.clone().args(["keys", "generate"]).run().with_code(0);
    let program = program
        .env("ENVIRONMENT", "production")
        .env("DATABASE_URL", "sqlite://inwren.db")
        .env("AUTO_MIGRATE", "true")
        .env("TOKEN_ISSUER", "https://auth.example.org");
    for format in ["", "pretty"] {
        let service = program.clone().env("LOG_FORMAT", format).start();
        service.call(&Call::get("/problems/secret-of-ann")).expect(404);
        let log = service.stop();
        assert!(!log.contains("secret-of-ann"), "{log}");
        let lines = log.lines().filter(|line| is_request(line)).count();
        assert_eq!(lines, 1, "{log}");
        let is_json = log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok());
        assert_eq!(is_json, format.is_empty(), "JSON is the default of production:\n{log}");
    }
}

/// The log names the account, the client, the time and the event, for allowed and for refused requests.
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
    // A refusal and its request share one id, which leads to the client address.
    let id_of = |line: &Value| line["span"]["request_id"].as_str().map(str::to_owned).expect("an id");
    for line in refused {
        let request =
            lines.iter().find(|other| other["target"] == "inwren::request" && id_of(other) == id_of(line));
        assert_eq!(request.expect("its request")["client"], "127.0.0.1");
    }
}
