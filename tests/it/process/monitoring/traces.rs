//! Requests as traces: from the span of the caller down to the ports, and the behaviour without a working collector.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use inwren_tests::ports::free_port;
use inwren_tests::process::{Call, Program, Service, until};
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use super::client::{PASSWORD, Tokens, join, login, me, refresh};
use super::collector::{Collector, Manner, Received, Span};
use super::{Storage, program, scrape};
use crate::process::support::times::{SLACK, one_of_three_within};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A request with the trace context of the caller.
fn traced(call: Call, flags: &str) -> Call {
    call.header("traceparent", &format!("00-{TRACE}-{PARENT}-{flags}"))
}

fn tracing(folder: &TempFolder, storage: &Storage, collector: &str) -> Program {
    program(folder, storage)
        .env("LOG_FORMAT", "json")
        .env("RATE_LIMIT_ENABLED", "true")
        .env("RATE_LIMIT_ME", "1000000/second")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
}

/// The span fields in the log lines of the requests with this route.
fn logged(log: &str, route: &str) -> Vec<Value> {
    let lines =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let of_route = lines.filter(|line| line["target"] == "inwren::request" && line["route"] == route);
    of_route.map(|line| line["span"].clone()).collect()
}

fn below<'a>(received: &'a Received, parent: &Span) -> BTreeSet<&'a str> {
    received.spans.iter().filter(|span| span.parent == parent.id).map(|span| span.name.as_str()).collect()
}

#[track_caller]
fn server_span<'a>(received: &'a Received, name: &str) -> &'a Span {
    let found = received.spans.iter().find(|span| span.is_server && span.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {:?}", received.spans))
}

#[test]
fn a_request_is_a_span_below_the_callers_with_its_ports_below_it() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let collector = Collector::start(Manner::Takes);
        let service = tracing(&folder, &storage, &collector.url())
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours%2C%20always")
            .env("OTEL_SERVICE_NAME", "auth-of-the-tests")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
            .start();
        join(&mut service.connect(), "ann@example.org").unwrap();
        let answer = service.call(&traced(login("ann@example.org", PASSWORD), "01"));
        let tokens = Tokens::of(&answer);
        service.call(&refresh(&tokens.refresh)).expect(200);
        service.call(&me(&tokens.access)).expect(200);
        service.call(&Call::get("/users/me/sessions/not-an-id").bearer(&tokens.access));
        service.call(&Call::new("ODD", "/nowhere/of/ann")).expect(404);
        let log = service.stop();

        // Shutdown sent the remaining spans.
        let received = collector.received();
        assert!(received.paths.iter().all(|path| path == "/v1/traces"), "{:?}", received.paths);
        assert_eq!(received.headers["content-type"], "application/x-protobuf");
        assert_eq!(received.headers["x-tenant"], "ours, always");

        let ours =
            received.spans.iter().find(|span| span.is_server && span.trace == TRACE).expect("our span");
        assert_eq!((ours.name.as_str(), ours.parent.as_str()), ("POST /auth/login", PARENT));
        assert_eq!(ours.attributes["http.route"], "/auth/login");
        assert_eq!(ours.attributes["http.request.method"], "POST");
        assert_eq!(ours.attributes["http.response.status_code"], "200");
        assert_eq!(ours.attributes["inwren.request_id"], answer.header("x-request-id").unwrap());
        assert_eq!(ours.resource["service.name"], "auth-of-the-tests");
        assert_eq!(ours.resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(ours.resource["deployment.environment.name"], "tests");
        let expected = [
            "limiter.check",
            "store.credentials.by_email",
            "store.sessions.recent_addresses",
            "hasher.verify",
            // With mail, which development has: whether the device is a new one.
            "store.audit.page",
            "store.open_session",
            "tokens.issue_access",
            "tokens.issue_refresh",
        ];
        assert_eq!(below(&received, ours), BTreeSet::from(expected), "on {}", storage.name());
        for span in received.spans.iter().filter(|span| span.parent == ours.id) {
            assert_eq!(span.trace, TRACE, "{span:?}");
            assert!(ours.nanos.0 <= span.nanos.0 && span.nanos.0 <= span.nanos.1, "{span:?}");
            assert!(span.nanos.1 <= ours.nanos.1 && !span.is_server && !span.failed, "{span:?}");
        }
        // Waiting for a thread and hashing are separate spans.
        let verify =
            received.spans.iter().find(|span| span.name == "hasher.verify" && span.parent == ours.id);
        let verify = verify.expect("the password was verified");
        assert_eq!(below(&received, verify), BTreeSet::from(["hasher.wait", "hasher.compute"]));
        let part = |name: &str| {
            let mut parts = received.spans.iter().filter(|span| span.parent == verify.id);
            parts.find(|span| span.name == name).expect("a part").nanos
        };
        let (wait, compute) = (part("hasher.wait"), part("hasher.compute"));
        assert!(verify.nanos.0 <= wait.0 && wait.1 <= compute.0 && compute.1 <= verify.nanos.1, "{verify:?}");
        // Only SQLite allows a local read, on the thread of the request.
        let lookup =
            received.spans.iter().find(|span| span.name == "store.credentials.by_email").expect("a lookup");
        let is_local = lookup.attributes.get("inwren.local_read").map(String::as_str) == Some("true");
        assert_eq!(is_local, storage.name() == "SQLite", "{lookup:?}");
        // Without a trace context, the request starts a new trace.
        let refreshed = server_span(&received, "POST /auth/refresh");
        assert!(refreshed.parent.is_empty() && refreshed.trace != TRACE && refreshed.trace.len() == 32);
        let of_refresh = [
            "tokens.verify_refresh",
            "limiter.check",
            "tokens.issue_refresh",
            "store.rotate_session",
            "tokens.issue_access",
        ];
        assert_eq!(below(&received, refreshed), BTreeSet::from(of_refresh));
        let read = server_span(&received, "GET /users/me");
        assert_eq!(
            below(&received, read),
            BTreeSet::from(["limiter.check", "tokens.verify_access", "store.sessions.with_user"])
        );
        let odd = server_span(&received, "_OTHER");
        assert!(!odd.attributes.contains_key("http.route") && !odd.failed, "{odd:?}");

        // The log contains the same span ids.
        let lines = logged(&log, "/auth/login");
        assert_eq!(lines.len(), 2);
        assert!(
            lines.iter().any(|span| span["trace_id"] == TRACE && span["span_id"] == ours.id),
            "{lines:?}"
        );
        assert!(lines.iter().all(|span| span["request_id"].is_string()), "{lines:?}");

        let everything = format!("{:?}", received.spans);
        for secret in [
            "ann@",
            "example.org",
            PASSWORD,
            &tokens.access,
            &tokens.refresh,
            "127.0.0.1",
            "nowhere",
            "not-an-id",
            "ODD",
        ] {
            assert!(!everything.contains(secret), "{secret} is in a span: {everything}");
        }
        println!("{}: {} spans in {} batches", storage.name(), received.spans.len(), received.paths.len());
    }
}

#[test]
fn a_failed_call_of_a_port_is_told_in_a_word() {
    let folder = TempFolder::new();
    let storage = Storage::postgres();
    let collector = Collector::start(Manner::Takes);
    let service = tracing(&folder, &storage, &collector.url()).start();
    service.call(&Call::get("/health")).expect(200);
    storage.ask("DROP TABLE audit_events");
    let registration = super::client::register("ann@example.org", PASSWORD);
    let status = service.call(&registration).status;
    assert!(status >= 500, "{status}");
    service.stop();
    let received = collector.received();
    let failed: Vec<&Span> = received.spans.iter().filter(|span| span.failed).collect();
    let names: BTreeSet<&str> = failed.iter().map(|span| span.name.as_str()).collect();
    assert!(names.contains("store.register_user") && names.contains("POST /auth/register"), "{names:?}");
    let server = server_span(&received, "POST /auth/register");
    assert_eq!(server.attributes["error.type"], status.to_string());
    assert!(!format!("{failed:?}").contains("audit_events"), "{failed:?}");
}

#[test]
fn the_callers_decision_is_followed_unless_it_is_not_to_be() {
    for (sampler, argument, sampled) in [
        ("parentbased_always_on", "", [true, false, true]),
        ("parentbased_always_off", "", [true, false, false]),
        ("always_on", "", [true, true, true]),
        ("always_off", "", [false, false, false]),
        ("parentbased_traceidratio", "0.0", [true, false, false]),
        ("traceidratio", "1.0", [true, true, true]),
    ] {
        let folder = TempFolder::new();
        let collector = Collector::start(Manner::Takes);
        let service = tracing(&folder, &Storage::sqlite(), &collector.url())
            .env("DATABASE_URL", "memory:")
            .env("OTEL_TRACES_SAMPLER", sampler)
            .env("OTEL_TRACES_SAMPLER_ARG", argument)
            .start();
        service.call(&traced(Call::get("/health"), "01")).expect(200);
        service.call(&traced(Call::get("/health/live"), "00")).expect(200);
        service.call(&Call::get("/")).expect(200);
        let log = service.stop();
        let received = collector.received();
        let kept = |name: &str| received.spans.iter().any(|span| span.name == name);
        assert_eq!([kept("GET /health"), kept("GET /health/live"), kept("GET /")], sampled, "{sampler}");
        // The log contains the trace id even if the trace is not sampled.
        assert!(logged(&log, "/health/live").iter().all(|span| span["trace_id"] == TRACE), "{log}");
    }
}

#[test]
fn without_a_collector_the_log_has_the_callers_trace() {
    let folder = TempFolder::new();
    let service =
        Program::new(folder.path()).env("DATABASE_URL", "memory:").env("LOG_FORMAT", "json").start();
    service.call(&traced(Call::get("/health"), "00")).expect(200);
    service.call(&Call::get("/health/live").header("traceparent", "00-rubbish-01")).expect(200);
    service.call(&Call::get("/")).expect(200);
    let log = service.stop();
    let spans = logged(&log, "/health");
    assert!(spans[0]["trace_id"] == TRACE && spans[0]["span_id"] == PARENT, "{spans:?}");
    assert!(spans[0]["request_id"].is_string(), "{spans:?}");
    for route in ["/health/live", "/"] {
        let spans = logged(&log, route);
        assert!(spans[0].get("trace_id").is_none() && spans[0].get("span_id").is_none(), "{spans:?}");
    }
    assert!(!log.contains("rubbish"), "{log}");
}

/// Sends 1,500 requests and returns the duration of the slowest.
fn ask_often(service: &Service, token: &str) -> Duration {
    let mut connection = service.connect();
    let mut slowest = Duration::ZERO;
    // More spans than the queue holds.
    for _ in 0..1_500 {
        let begun = Instant::now();
        connection.call(&me(token)).unwrap().expect(200);
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[test]
fn a_collector_that_does_not_take_traces_costs_no_request() {
    let (silent, refusing) = (Collector::start(Manner::IsSilent), Collector::start(Manner::Refuses));
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for (name, url) in [("away", nobody), ("refusing", refusing.url()), ("silent", silent.url())] {
        let folder = TempFolder::new();
        let service = tracing(&folder, &Storage::sqlite(), &url)
            .env("DATABASE_URL", "memory:")
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
            .start();
        let tokens = join(&mut service.connect(), "ann@example.org").unwrap();
        // An export is abandoned after 5 s. No request waits for it.
        let what = format!("collector {name}: the slowest of 1500 requests");
        one_of_three_within(Duration::from_secs(4), &what, || ask_often(&service, &tokens.access));
        let failed = || scrape(&service).value(r#"inwren_trace_exports_total{result="failed"}"#);
        until("an attempt has failed", || {
            service.call(&me(&tokens.access)).expect(200);
            failed() >= 1.0
        });
        assert_eq!(scrape(&service).value(r#"inwren_trace_exports_total{result="sent"}"#), 0.0);
        let begun = Instant::now();
        let log = service.stop();
        let stop = begun.elapsed();
        println!("collector {name}: stop {stop:?}");
        assert!(stop < 2 * SLACK, "{name}: {stop:?}");
        assert_eq!(log.matches("does not accept traces").count(), 1, "{name}: {log}");
    }
}

#[test]
fn wrong_settings_are_told() {
    let folder = TempFolder::new();
    for (name, value, takes) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318", "http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://user@collector", "http://"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret-of-the-collector", "NAME=VALUE"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "0 to 1"),
    ] {
        let text = Program::bare(folder.path()).env(name, value).run().with_code(2);
        assert!(text.contains(name) && text.contains(takes), "{text}");
        assert!(!text.contains("secret-of"), "{text}");
    }
}
