//! Only the token identifies the caller. Nothing else in the request does.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Call, TestApp};
use serde_json::json;

use super::protected;

stories! {
    only_a_token_identifies_the_caller
    user_id_in_a_body_is_refused
    another_method_or_address_in_a_header_is_not_heeded
}

/// Headers in which proxies and frameworks pass the identity of the caller.
fn names(id: &str, email: &str) -> Vec<(&'static str, String)> {
    let by_id = ["x-user-id", "x-auth-request-user", "x-authenticated-userid", "x-userid", "user"];
    let by_email =
        ["remote-user", "x-remote-user", "x-forwarded-user", "x-forwarded-email", "x-auth-request-email"];
    let named = by_id.map(|name| (name, id.to_owned())).into_iter();
    let named = named.chain(by_email.map(|name| (name, email.to_owned())));
    let others = [
        ("x-is-superuser", "true".to_owned()),
        ("x-internal-request", "1".to_owned()),
        ("x-middleware-subrequest", "middleware:middleware:middleware".to_owned()),
        ("cookie", format!("session={id}; access_token={id}; user={email}")),
    ];
    named.chain(others).collect()
}

async fn only_a_token_identifies_the_caller(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
    });
    let admin = app.superuser().await;
    for operation in protected::operations(&app) {
        for from in ["192.0.2.1", "10.0.0.1", "127.0.0.1"] {
            let query = format!("userId={0}&user_id={0}&access_token={1}", admin.id, admin.tokens.access);
            let path = format!("{}?{query}", operation.path_with(&admin.id));
            let body =
                json!({ "userId": admin.id, "user_id": admin.id, "access_token": admin.tokens.access });
            let mut call = app.call(&operation.method, &path).from(from).json(&body);
            for (name, value) in names(&admin.id, &admin.email) {
                call = call.header(name, value);
            }
            protected::expect_missing_token(&call.send().await, &operation);
        }
    }
}

async fn user_id_in_a_body_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann, bob) = (app.superuser().await, app.user_fixture().await, app.user_fixture().await);
    for field in ["id", "user_id", "userId", "sub", "is_superuser", "is_active", "hashed_password"] {
        let value = if field.starts_with("is_") { json!(true) } else { json!(bob.id) };
        for (method, path) in
            [("PUT", "/users/me"), ("POST", "/users/me/password"), ("POST", "/auth/register")]
        {
            let body = json!({ field: value, "tier": "free" });
            let reply = app.call(method, path).bearer(&ann.tokens.access).json(&body).send().await;
            let body = reply.expect_problem(422, "validation-failed");
            let pointer = json!(format!("/{field}"));
            let errors = body["errors"].as_array().unwrap();
            assert!(errors.iter().any(|error| error["pointer"] == pointer), "{reply}");
        }
    }
    for account in [&ann, &bob] {
        let path = format!("/admin/users/{}", account.id);
        let user = app.get(&path).bearer(&admin.tokens.access).send().await.expect_status(200).json();
        assert_eq!((&user["is_superuser"], &user["email"]), (&json!(false), &json!(account.email)));
    }
}

async fn another_method_or_address_in_a_header_is_not_heeded(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    let other = [
        ("x-http-method-override", "DELETE".to_owned()),
        ("x-http-method", "DELETE".to_owned()),
        ("x-method-override", "DELETE".to_owned()),
        ("x-original-url", format!("/admin/users/{}", admin.id)),
        ("x-rewrite-url", format!("/admin/users/{}", admin.id)),
        ("x-forwarded-uri", format!("/admin/users/{}", admin.id)),
    ];
    let with_headers =
        |call| other.iter().fold(call, |call: Call<'_>, (name, value)| call.header(name, value));
    let call = with_headers(app.get("/users/me?_method=DELETE").bearer(&ann.tokens.access));
    assert_eq!(call.send().await.expect_status(200).json()["id"], ann.id.as_str());
    let reply = with_headers(app.post("/users/me").bearer(&ann.tokens.access)).send().await;
    reply.expect_problem(405, "method-not-allowed");
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.me(&admin.tokens.access).await.expect_status(200).json();
}
