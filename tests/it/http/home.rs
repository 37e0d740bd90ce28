//! The page at `/`: HTML for browsers, JSON for programs.

use std::sync::Arc;

use inwren_app::config::Environment;
use inwren_domain::kernel::StoreError;
use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp};
use inwren_tests::fakes::faulty_store;
use serde_json::json;

stories! {
    browsers_get_a_page
    other_clients_get_json
    head_has_the_headers_of_the_page
    page_reports_a_lost_database
    page_reports_a_shutdown
    page_ignores_the_host_header
    page_links_with_the_path_of_the_service
    page_escapes_the_name_of_the_service
    production_has_no_registration_form
    page_is_never_limited
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The size limit of the page in bytes, with its script, styles and images inline.
const MAX_BYTES: usize = 30_000;

/// Requests the page with the `Accept` header of a browser.
async fn page(app: &TestApp) -> Reply {
    let reply = app.get("/").header("accept", BROWSER).send().await.expect_status(200);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    reply
}

fn varies_by_accept(reply: &Reply) -> bool {
    reply.headers.get_all("vary").iter().any(|vary| vary == "Accept")
}

/// The text of a page with the template's escapes decoded.
fn text(page: &Reply) -> String {
    page.text().replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}

async fn browsers_get_a_page(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let page = page(&app).await;
    assert!(varies_by_accept(&page), "{page}");
    assert!(page.body.len() < MAX_BYTES, "{} bytes", page.body.len());
    let text = text(&page);
    for part in [
        "<html lang=\"en\">",
        "<svg class=\"logo\"",
        "Inwren Auth is ready.",
        "<dt>Database</dt><dd class=\"ok\">Ready</dd>",
        "<dt>Signing keys</dt><dd class=\"ok\">1 published</dd>",
        "<dt>Rate limiter</dt><dd class=\"ok\">Ready</dd>",
        "<dt>Clock</dt><dd class=\"ok\">Ready</dd>",
        &format!("<dt>Version</dt><dd>{VERSION}</dd>"),
        "curl 'https://issuer.example.org/auth/register'",
        "id=\"try-form\"",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for link in [
        "docs",
        "redoc",
        "problems",
        "openapi.json",
        "health",
        ".well-known/jwks.json",
        ".well-known/oauth-authorization-server",
    ] {
        assert!(text.contains(&format!("href=\"/{link}\"")), "{link} is not in {text}");
        assert_eq!(app.get(&format!("/{link}")).send().await.status, 200, "{link}");
    }
}

async fn other_clients_get_json(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let expected =
        json!({ "name": "Inwren Auth", "version": VERSION, "docs": "/docs", "openapi": "/openapi.json" });
    for accept in [
        None,
        Some("*/*"),
        Some("application/json"),
        Some("application/json, text/html"),
        Some("text/html;q=0.5, application/json"),
        Some("text/html;q=0.5, */*;q=0.8"),
        Some("text/html;q=0"),
        Some("image/png"),
        Some("html"),
    ] {
        let call = app.get("/");
        let call = if let Some(accept) = accept { call.header("accept", accept) } else { call };
        let reply = call.send().await.expect_status(200);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{accept:?}");
        assert_eq!(reply.json(), expected, "{accept:?}");
        assert!(varies_by_accept(&reply), "{reply}");
    }
    for accept in ["text/html", "TEXT/HTML;q=0.2", "text/*", "application/json;q=0.4, text/html;q=0.5"] {
        let reply = app.get("/").header("accept", accept).send().await.expect_status(200);
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{accept}");
    }
}

async fn head_has_the_headers_of_the_page(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for accept in [BROWSER, "application/json"] {
        let get = app.get("/").header("accept", accept).send().await.expect_status(200);
        let head = app.call("HEAD", "/").header("accept", accept).send().await.expect_status(200);
        assert!(head.body.is_empty(), "{head}");
        for name in ["content-type", "content-security-policy", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        assert!(varies_by_accept(&head), "{head}");
    }
    let post = app.post("/").header("accept", BROWSER).send().await;
    post.expect_problem(405, "method-not-allowed");
}

async fn page_reports_a_lost_database(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store);
    let app = TestApp::over(faulty);
    script.fail("ping", StoreError::Unavailable("secret of the database".to_owned()));
    let text = text(&page(&app).await);
    assert!(text.contains("Inwren Auth is not ready."), "{text}");
    assert!(text.contains("<dt>Database</dt><dd class=\"bad\">Unavailable</dd>"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

async fn page_reports_a_shutdown(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.state.start_draining();
    assert!(page(&app).await.text().contains("Inwren Auth is stopping."));
}

async fn page_ignores_the_host_header(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.public_url = "http://localhost:8000".to_owned());
    for host in ["evil.example", "localhost:1"] {
        let call = app.get("/").header("accept", BROWSER).header("host", host);
        let page = call.header("x-forwarded-host", host).send().await.expect_status(200);
        assert!(!page.text().contains(host), "{page}");
        assert!(text(&page).contains("curl 'http://localhost:8000/auth/register'"), "{page}");
    }
}

async fn page_links_with_the_path_of_the_service(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.public_url = "https://example.org/auth".to_owned();
    });
    let text = text(&page(&app).await);
    assert!(text.contains("curl 'https://example.org/auth/auth/register'"), "{text}");
    assert!(text.contains("href=\"/auth/docs\"") && text.contains("data-root=\"/auth/\""), "{text}");
    assert!(!text.contains("href=\"/docs\""), "{text}");
}

async fn page_escapes_the_name_of_the_service(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.project_name = "<script>alert(1)</script> & \"Co\"".to_owned();
    });
    for path in ["/", "/docs", "/redoc", "/problems", "/problems/not-found"] {
        let page = app.get(path).header("accept", BROWSER).send().await.expect_status(200);
        assert!(!page.text().contains("<script>alert"), "{path}");
        assert!(page.text().contains("&lt;script&gt;alert(1)"), "{path}");
    }
}

async fn production_has_no_registration_form(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.environment = Environment::Production);
    let page = page(&app).await;
    for part in ["<form", "<input", "fetch(", "auth/login", "development"] {
        assert!(!page.text().contains(part), "{part} is in {page}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("connect-src"), "{policy}");
}

async fn page_is_never_limited(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    for _ in 0..100 {
        assert!(page(&app).await.header("ratelimit").is_none());
    }
}
