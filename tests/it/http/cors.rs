//! Cross-origin requests from web pages (Fetch standard, CORS protocol).

use std::sync::Arc;

use inwren_app::config::AllowedOrigins;
use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp};

stories! {
    known_origins_may_read_the_answers
    other_origins_get_no_permission
    a_preflight_is_answered
    any_origin_may_be_allowed
    no_origin_may_be_allowed
    errors_can_be_read_too
}

async fn from_origin(app: &TestApp, origin: &str) -> Reply {
    app.get("/health/live").header("origin", origin).send().await.expect_status(200)
}

async fn preflight(app: &TestApp, origin: &str, path: &str) -> Reply {
    app.call("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
}

const GRANT: &str = "access-control-allow-origin";

async fn known_origins_may_read_the_answers(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for origin in ["http://localhost:3000", "http://localhost:5173", "http://localhost:8000"] {
        let reply = from_origin(&app, origin).await;
        assert_eq!(reply.header(GRANT), Some(origin));
        let exposed = reply.header("access-control-expose-headers").unwrap();
        for header in
            ["etag", "link", "location", "ratelimit", "retry-after", "www-authenticate", "x-request-id"]
        {
            assert!(exposed.split(", ").any(|name| name == header), "{header}: {exposed}");
        }
        assert!(reply.header("access-control-allow-credentials").is_none());
    }
}

async fn other_origins_get_no_permission(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost",
        "http://localhost:30001",
        "https://localhost:3000",
        "http://localhost:3000.evil.example",
        "http://evil.example/http://localhost:3000",
        "http://localhost:3000/",
        "http://localhost:3000,http://evil.example",
        "http://xlocalhost:3000",
        "",
        "*",
    ] {
        let reply = from_origin(&app, origin).await;
        assert!(reply.header(GRANT).is_none(), "{origin}: {reply}");
        let reply = preflight(&app, origin, "/users/me").await;
        for header in [GRANT, "access-control-allow-methods", "access-control-allow-headers"] {
            assert!(reply.header(header).is_none(), "{origin}: {reply}");
        }
    }
}

async fn a_preflight_is_answered(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/users/me", "/auth/login", "/admin/users"] {
        let reply = preflight(&app, "http://localhost:3000", path).await;
        reply.expect_done();
        assert_eq!(reply.header(GRANT), Some("http://localhost:3000"));
        let methods = reply.header("access-control-allow-methods").unwrap();
        assert!(["GET", "POST", "PUT", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        let headers = reply.header("access-control-allow-headers").unwrap();
        assert!(
            ["authorization", "content-type", "if-none-match"].iter().all(|name| headers.contains(name)),
            "{headers}"
        );
        assert_eq!(reply.headers.get_all("vary").iter().count(), 1);
    }
}

async fn any_origin_may_be_allowed(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.cors = AllowedOrigins::Any);
    let reply = from_origin(&app, "https://anybody.example").await;
    assert_eq!(reply.header(GRANT), Some("*"));
    assert!(reply.header("access-control-allow-credentials").is_none());
    assert_eq!(preflight(&app, "https://anybody.example", "/users/me").await.header(GRANT), Some("*"));
}

async fn no_origin_may_be_allowed(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.cors = AllowedOrigins::Only(Vec::new()));
    for origin in ["http://localhost:3000", "null", "https://anybody.example"] {
        assert!(from_origin(&app, origin).await.header(GRANT).is_none());
    }
}

async fn errors_can_be_read_too(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/users/me", "/nothing"] {
        let reply = app.get(path).header("origin", "http://localhost:3000").send().await;
        assert!(reply.status >= 400);
        assert_eq!(reply.header(GRANT), Some("http://localhost:3000"));
    }
}
