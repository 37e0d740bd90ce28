//! The health endpoints.

use std::sync::Arc;

use inwren_adapters::limiter::RedisTarget;
use inwren_app::config::Redis;
use inwren_domain::kernel::StoreError;
use inwren_domain::store::Store;
use inwren_tests::app::TestApp;
use inwren_tests::fakes::faulty_store;
use inwren_tests::limiters::until;
use inwren_tests::process::redis::RedisServer;
use serde_json::json;

stories! {
    the_service_tells_what_it_is
    a_service_that_is_ready_says_so
    without_a_database_it_is_not_ready_but_alive
    a_service_that_limits_by_itself_says_so_and_is_ready
    a_service_that_stops_is_not_ready
    health_needs_no_credentials
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

async fn the_service_tells_what_it_is(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.project_name = "Example".to_owned());
    let expected =
        json!({ "name": "Example", "version": VERSION, "docs": "/docs", "openapi": "/openapi.json" });
    assert_eq!(app.get("/").send().await.expect_status(200).json(), expected);
}

async fn a_service_that_is_ready_says_so(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let health = app.get("/health").send().await.expect_status(200).json();
    let checks = json!({ "database": "ok", "rate_limiter": "ok", "clock": "ok" });
    assert_eq!(health, json!({ "status": "ok", "version": VERSION, "checks": checks }));
    assert_eq!(app.get("/health/live").send().await.expect_status(200).json(), json!({ "status": "ok" }));
}

async fn without_a_database_it_is_not_ready_but_alive(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store);
    let app = TestApp::over(faulty);
    script.fail("ping", StoreError::Unavailable("secret of the database".to_owned()));
    let reply = app.get("/health").send().await.expect_status(503);
    let checks = json!({ "database": "unavailable", "rate_limiter": "ok", "clock": "ok" });
    assert_eq!(reply.json(), json!({ "status": "unavailable", "version": VERSION, "checks": checks }));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    script.take_calls();
    app.get("/health/live").send().await.expect_status(200).json();
    assert!(script.take_calls().is_empty(), "being alive asks nobody");
    app.get("/health").send().await.expect_status(200).json();
}

async fn a_service_that_limits_by_itself_says_so_and_is_ready(store: Arc<dyn Store>) {
    let mut redis = RedisServer::stopped(&[]);
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        let target = RedisTarget::parse(&redis.url()).unwrap();
        config.redis = Some(Redis { target, key_prefix: "t:".to_owned() });
    });
    let login = async || {
        let body = json!({ "email": "nobody@example.org", "password": "wrong password" });
        app.post("/auth/login").json(&body).send().await
    };
    for used in 1..=6 {
        let reply = login().await;
        assert_eq!(reply.status, if used <= 5 { 401 } else { 429 }, "{reply}");
    }
    let health = app.get("/health").send().await.expect_status(200).json();
    let checks = json!({ "database": "ok", "rate_limiter": "degraded", "clock": "ok" });
    assert_eq!(health, json!({ "status": "ok", "version": VERSION, "checks": checks }));
    let metrics = app.state.limits.metrics();
    // Each login makes two limiter decisions: for the client and, if that one allows it, for the account.
    assert_eq!((metrics.allowed, metrics.limited, metrics.fallback_decisions), (10, 1, 11));

    redis.restart();
    until("Redis", || !app.state.limits.metrics().degraded).await;
    let health = app.get("/health").send().await.expect_status(200).json();
    assert_eq!(health["checks"]["rate_limiter"], "ok");
    // If the machine stalls and Redis responds late, the service makes one more decision with its local fallback.
    let mut is_decided_there = false;
    for _ in 0..5 {
        let before = app.state.limits.metrics().fallback_decisions;
        assert_eq!(login().await.status, 429);
        is_decided_there |= app.state.limits.metrics().fallback_decisions == before;
    }
    assert!(is_decided_there);
}

async fn a_service_that_stops_is_not_ready(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.state.start_draining();
    let health = app.get("/health").send().await.expect_status(503).json();
    assert_eq!((&health["status"], &health["checks"]["database"]), (&json!("stopping"), &json!("ok")));
    app.get("/health/live").send().await.expect_status(200).json();
    app.user_fixture().await;
}

async fn health_needs_no_credentials(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    for path in ["/", "/health", "/health/live", "/openapi.json"] {
        for _ in 0..100 {
            let reply = app.get(path).bearer("rubbish").send().await.expect_status(200);
            assert!(reply.header("ratelimit").is_none());
        }
    }
}
