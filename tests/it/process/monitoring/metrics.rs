//! Every metric counts its events, and no metric identifies a user.

use inwren_tests::process::{Call, Service, until};
use inwren_tests::stores::TempFolder;
use serde_json::json;

use super::client::{PASSWORD, Tokens, join, login, me, refresh, register};
use super::exposition::Exposition;
use super::{Storage, program, scrape};

/// The steps of the tests below: each is a request and the series that it increments.
struct Story<'a> {
    service: &'a Service,
    before: Exposition,
}

impl Story<'_> {
    /// Sends a request, and checks that it increments each of these series by one.
    #[track_caller]
    fn moves(&mut self, call: &Call, status: u16, series: &[&str]) -> String {
        let answer = self.service.call(call).expect(status);
        let after = scrape(self.service);
        for series in series {
            assert_eq!(after.value(series) - self.before.value(series), 1.0, "{series}");
        }
        self.before = after;
        answer.body
    }
}

fn requests(operation: &str, status: u16) -> String {
    format!(r#"inwren_http_requests_total{{operation="{operation}",status="{status}"}}"#)
}

fn tokens(body: &str) -> Tokens {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Tokens { access: text("access_token"), refresh: text("refresh_token") }
}

#[test]
fn every_outcome_is_counted() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let service = program(&folder, &storage).start();
        let mut story = Story { before: scrape(&service), service: &service };
        let registered = |result: &str| format!(r#"inwren_registrations_total{{result="{result}"}}"#);
        let logins = |result: &str| format!(r#"inwren_logins_total{{result="{result}"}}"#);
        let refreshes = |outcome: &str| format!(r#"inwren_refreshes_total{{outcome="{outcome}"}}"#);
        let refused = |reason: &str| format!(r#"inwren_access_tokens_refused_total{{reason="{reason}"}}"#);
        let hashed = "inwren_hashes_computed_total";

        let ann = register("ann@example.org", PASSWORD);
        story.moves(&ann, 201, &[&registered("succeeded"), &requests("register", 201), hashed]);
        story.moves(&ann, 409, &[&registered("email_taken"), &requests("register", 409)]);
        let weak = register("bob@example.org", "password");
        story.moves(&weak, 422, &[&registered("weak_password"), &requests("register", 422)]);
        let tier = json!({ "email": "bob@example.org", "password": PASSWORD, "tier": "enterprise" });
        story.moves(&Call::post("/auth/register", &tier), 403, &[&registered("tier_refused")]);

        let wrong = login("ann@example.org", "another pass phrase");
        story.moves(&wrong, 401, &[&logins("wrong_password"), &requests("login", 401), hashed]);
        story.moves(&login("nobody@example.org", PASSWORD), 401, &[&logins("unknown_email"), hashed]);
        let form = [("username", "ann@example.org"), ("password", "wrong")];
        let by_form = Call::new("POST", "/auth/access-token").form(&form);
        story.moves(&by_form, 400, &[&logins("wrong_password"), &requests("create_access_token", 400)]);
        let right = login("ann@example.org", PASSWORD);
        let first = tokens(&story.moves(&right, 200, &[&logins("succeeded"), &requests("login", 200)]));

        let second =
            story.moves(&refresh(&first.refresh), 200, &[&refreshes("rotated"), &requests("refresh", 200)]);
        story.moves(&refresh(&first.refresh), 200, &[&refreshes("raced")]);
        story.moves(&refresh(&tokens(&second).refresh), 200, &[&refreshes("rotated")]);
        story.moves(&refresh(&first.refresh), 401, &[&refreshes("reused"), &requests("refresh", 401)]);
        story.moves(&refresh(&first.refresh), 401, &[&refreshes("ended")]);
        story.moves(&refresh(&first.access), 401, &[&refreshes("invalid")]);

        story.moves(
            &me(&first.access),
            401,
            &[&refused("session_ended"), &requests("get_current_user", 401)],
        );
        story.moves(&me("rubbish"), 401, &[&refused("malformed")]);
        let forged = format!("{}AAAA", &first.access[..first.access.len() - 4]);
        story.moves(&me(&forged), 401, &[&refused("signature")]);
        story.moves(&me(&first.refresh), 401, &[&refused("malformed")]);

        let client = Call::new("POST", "/auth/access-token").form(&[
            ("grant_type", "client_credentials"),
            ("client_id", "x"),
            ("client_secret", "y"),
        ]);
        story.moves(&client, 401, &[r#"inwren_service_clients_total{result="refused"}"#]);

        let nothing = Call::get("/no/such/thing");
        story.moves(&nothing, 404, &[&requests("none", 404)]);
        story.moves(&Call::new("PUT", "/health"), 405, &[&requests("none", 405)]);
        let count = r#"inwren_http_request_duration_seconds_count{operation="get_health"}"#;
        story.moves(&Call::get("/health"), 200, &[&requests("get_health", 200), count]);
        // The response to HEAD has no body, whatever its headers say.
        let mut connection = service.connect();
        connection.send(b"HEAD /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        assert!(connection.rest().unwrap().starts_with(b"HTTP/1.1 200"));
        assert_eq!(scrape(&service).value(&requests("get_liveness", 200)), 1.0);
        service.stop();
    }
}

#[test]
fn waiting_and_hashing_are_measured_apart() {
    let folder = TempFolder::new();
    let storage = Storage::sqlite();
    let service = program(&folder, &storage).env("HASH_THREADS", "1").start();
    join(&mut service.connect(), "ann@example.org").unwrap();
    let before = scrape(&service);
    service.call(&login("ann@example.org", PASSWORD)).expect(200);
    let after = scrape(&service);
    let grown = |series: &str| after.value(series) - before.value(series);
    for name in ["inwren_hash_wait_seconds", "inwren_hash_compute_seconds"] {
        assert_eq!(grown(&format!("{name}_count")), 1.0, "{name}");
        assert_eq!(grown(&format!(r#"{name}_bucket{{le="+Inf"}}"#)), 1.0, "{name}");
        assert!(grown(&format!("{name}_sum")) > 0.0, "{name}");
    }
    assert_eq!(grown("inwren_hashes_computed_total"), 1.0);
    service.stop();
}

#[test]
fn what_is_looked_up_is_as_it_is() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let service = program(&folder, &storage).env("HASH_THREADS", "3").start();
        join(&mut service.connect(), "ann@example.org").unwrap();
        let page = scrape(&service);
        let version = env!("CARGO_PKG_VERSION");
        let build = page.series().into_iter().find(|series| series.starts_with("inwren_build_info")).unwrap();
        assert!(
            build.contains(&format!(r#"version="{version}""#)) && build.contains(r#"tokens=""#),
            "{build}"
        );
        assert_eq!(page.value("inwren_hash_threads"), 3.0);
        assert_eq!(page.value("inwren_hashes_running"), 0.0);
        assert_eq!(page.value("inwren_hashes_waiting"), 0.0);
        assert_eq!(page.value("inwren_http_requests_in_flight"), 0.0);
        assert_eq!(page.value("inwren_rate_limiter_degraded"), 0.0);
        assert_eq!(page.value(r#"inwren_signing_keys{state="active"}"#), 1.0);
        assert_eq!(page.value(r#"inwren_signing_keys{state="pending"}"#), 0.0);
        let pools: &[&str] = if storage.name() == "SQLite" { &["writer", "readers"] } else { &["all"] };
        for pool in pools {
            let open = |state: &str| {
                page.value(&format!(r#"inwren_database_connections{{pool="{pool}",state="{state}"}}"#))
            };
            assert!(open("idle") + open("in_use") >= 1.0, "{}", page.text);
            assert_eq!(page.value(&format!(r#"inwren_database_waiting{{pool="{pool}"}}"#)), 0.0);
            let most = page.value(&format!(r#"inwren_database_connections_max{{pool="{pool}"}}"#));
            assert_eq!(most, if *pool == "writer" { 1.0 } else { 10.0 });
        }
        #[allow(clippy::disallowed_methods, reason = "the process has the same clock")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let started = page.value("process_start_time_seconds");
        assert!((now - 120.0..=now).contains(&started), "{started} of {now}");
        if cfg!(target_os = "linux") {
            let memory = page.value("process_resident_memory_bytes");
            println!("{}: {:.1} MiB", storage.name(), memory / 1_048_576.0);
            assert!((1e6..1e9).contains(&memory), "{memory}");
            assert!(page.value("process_cpu_seconds_total") > 0.0);
            let (open, most) = (page.value("process_open_fds"), page.value("process_max_fds"));
            assert!(open > 5.0 && open < most, "{open} of {most}");
            assert!(page.value("process_threads") >= 4.0);
        }
        service.stop();
    }
}

#[test]
fn limits_are_counted_and_a_rotation_of_keys_is_seen() {
    let folder = TempFolder::new();
    let storage = Storage::sqlite();
    // A quota so slow that it does not refill during the test, even on a slow machine.
    let limited =
        program(&folder, &storage).env("RATE_LIMIT_ENABLED", "true").env("RATE_LIMIT_LOGIN", "5/hour");
    let service = limited.start();
    let decided = |page: &Exposition, operation: &str, decision: &str| {
        let labels = format!(r#"{{operation="{operation}",decision="{decision}"}}"#);
        page.value(&format!("inwren_rate_limit_decisions_total{labels}"))
    };
    let statuses: Vec<u16> =
        (0..8).map(|_| service.call(&login("ann@example.org", PASSWORD)).status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let page = scrape(&service);
    assert_eq!((decided(&page, "login", "allowed"), decided(&page, "login", "limited")), (5.0, 3.0));
    assert_eq!(decided(&page, "login-account", "allowed"), 5.0);
    assert_eq!(decided(&page, "refresh", "allowed"), 0.0);
    assert_eq!(page.value(&requests("login", 429)), 3.0);

    limited.clone().args(["keys", "rotate"]).run().with_code(0);
    service.wait_for("loaded the signing keys");
    let page = scrape(&service);
    assert_eq!(page.value(r#"inwren_signing_keys{state="active"}"#), 1.0);
    assert_eq!(page.value(r#"inwren_signing_keys{state="pending"}"#), 1.0);
    service.stop();
}

#[test]
fn nothing_that_a_client_makes_up_becomes_a_label() {
    let folder = TempFolder::new();
    let storage = Storage::sqlite();
    let service = program(&folder, &storage).start();
    let mut connection = service.connect();
    let tokens = join(&mut connection, "mallory@example.org").unwrap();
    connection.call(&me(&tokens.access)).unwrap().expect(200);
    connection.call(&Call::get("/nowhere")).unwrap().expect(404);
    let before = scrape(&service);
    for n in 0..300 {
        let made_up = format!("/made-up-{n}/{}", "x".repeat(n));
        connection.call(&Call::get(&made_up)).unwrap();
        connection.call(&Call::get(&format!("/users/me/sessions/made-up-{n}"))).unwrap();
        connection.call(&Call::new(&format!("MADEUP{n}"), "/users/me")).unwrap();
        let call = Call::get("/users/me").header("X-Request-Id", &format!("made-up-{n}"));
        let call = call.header("User-Agent", &format!("made-up-{n}"));
        connection.call(&call.bearer(&format!("made-up-{n}"))).unwrap();
        connection.call(&login(&format!("made-up-{n}@example.org"), PASSWORD)).unwrap();
    }
    let after = scrape(&service);
    println!("{} series, {} bytes", after.series().len(), after.text.len());
    // A status that the operation does not document creates a series when it occurs. The number of statuses bounds
    // these series.
    let new: Vec<_> = after.series().difference(&before.series()).cloned().collect();
    assert!(new.len() <= 3, "{new:?}");
    for secret in [
        "made-up",
        "MADEUP",
        "nowhere",
        "mallory",
        "example",
        "127.0.0.1",
        PASSWORD,
        &tokens.access,
        &tokens.refresh,
    ] {
        assert!(!after.text.contains(secret), "{secret} is in\n{}", after.text);
    }
    assert!(after.series().len() < 3_500, "{}", after.series().len());
    service.stop();
}

#[test]
fn a_client_that_gives_up_is_counted_as_such() {
    let folder = TempFolder::new();
    let storage = Storage::sqlite();
    let service = program(&folder, &storage).start();
    let mut impatient = service.connect();
    let head = "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{";
    impatient.send(head.as_bytes()).unwrap();
    let in_flight = || scrape(&service).value("inwren_http_requests_in_flight");
    until("one in flight", || in_flight() == 1.0);
    drop(impatient);
    until("none in flight", || in_flight() == 0.0);
    // Timing decides whether the service responds to the incomplete body or counts the request as aborted.
    let page = scrape(&service);
    let of_login = |series: &&String| series.starts_with(r#"inwren_http_requests_total{operation="login""#);
    let answered: f64 = page.series().iter().filter(of_login).map(|series| page.value(series)).sum();
    assert_eq!(page.value("inwren_http_requests_aborted_total") + answered, 1.0, "{}", page.text);
    service.stop();
}
