//! Paths and methods of the API.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::TestApp;

stories! {
    what_is_not_there_is_not_found
    unsupported_method_lists_the_allowed_ones
    what_can_be_got_can_be_asked_for_its_head
    options_lists_the_allowed_methods
    an_address_has_at_most_8_kib
}

async fn what_is_not_there_is_not_found(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in [
        "/nothing",
        "/users",
        "/auth",
        "/admin",
        "/users/me/x",
        "/auth/login/x",
        "/users/00000000-0000-7000-8000-000000000000",
        "/USERS/ME",
        "//users/me",
        "/users//me",
        "/users/me/..",
        "/%75sers/me%2f",
        "/favicon.ico",
        "/.env",
        "/health/x",
        "/docs/x",
        "/users/me/sessions/%ff",
        "/admin/users/%ff/sessions",
    ] {
        for method in ["GET", "POST", "DELETE", "PATCH"] {
            app.call(method, path).send().await.expect_problem(404, "not-found");
        }
        let head = app.call("HEAD", path).send().await;
        assert_eq!((head.status, head.text()), (404, ""));
    }
}

async fn unsupported_method_lists_the_allowed_ones(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let mut paths: Vec<String> = Vec::new();
    for operation in app.contract().operations() {
        paths.push(operation.path);
    }
    paths.dedup();
    paths.extend(["/openapi.json", "/docs", "/redoc"].map(str::to_owned));
    for path in paths {
        let mut there: Vec<String> = app
            .contract()
            .operations()
            .into_iter()
            .filter(|operation| operation.path == path)
            .map(|operation| operation.method)
            .collect();
        if there.is_empty() {
            there.push("GET".to_owned());
        }
        if there.iter().any(|method| method == "GET") {
            there.push("HEAD".to_owned());
        }
        there.push("OPTIONS".to_owned());
        there.sort_unstable();
        let address = path.replace("{user_id}", "0").replace("{session_id}", "0").replace("{factor_id}", "0");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"] {
            if there.iter().any(|known| known == method) {
                continue;
            }
            let reply = app.call(method, &address).send().await;
            reply.expect_problem(405, "method-not-allowed");
            let mut allowed: Vec<&str> = reply.header("allow").unwrap().split(", ").collect();
            allowed.sort_unstable();
            assert_eq!(allowed, there, "{method} {path}");
        }
    }
}

async fn what_can_be_got_can_be_asked_for_its_head(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    for path in [
        "/",
        "/health",
        "/health/live",
        "/openapi.json",
        "/docs",
        "/redoc",
        "/users/me",
        "/users/me/sessions",
    ] {
        let get = app.get(path).bearer(&ann.tokens.access).send().await.expect_status(200);
        let head = app.call("HEAD", path).bearer(&ann.tokens.access).send().await.expect_status(200);
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    let head = app.call("HEAD", "/users/me").send().await.expect_status(401);
    assert!(head.body.is_empty());
    app.call("HEAD", "/auth/login").send().await.expect_status(405).header("allow").unwrap();
}

async fn options_lists_the_allowed_methods(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for (path, methods) in [
        ("/users/me", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/auth/login", "OPTIONS, POST"),
        ("/docs", "GET, HEAD, OPTIONS"),
    ] {
        let reply = app.call("OPTIONS", path).send().await;
        reply.expect_done();
        let mut allowed: Vec<&str> = reply.header("allow").unwrap().split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), methods);
    }
    for path in ["/nothing", "/auth/login/", "//auth/login", "/users/me/", "/admin/users/", "/users//me"] {
        for method in ["OPTIONS", "GET", "POST"] {
            app.call(method, path).send().await.expect_problem(404, "not-found");
        }
    }
}

async fn an_address_has_at_most_8_kib(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let path = |length: usize| format!("/health/live?{}", "x".repeat(length - "/health/live?".len()));
    app.get(&path(8_192)).send().await.expect_status(200).json();
    app.get(&path(8_193)).send().await.expect_problem(414, "uri-too-long");
}
