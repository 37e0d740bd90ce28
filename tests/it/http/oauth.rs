//! The token endpoint for OAuth 2.0 clients (RFC 6749).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp};
use serde_json::Value;

stories! {
    a_password_gives_tokens
    a_refresh_token_gives_its_successor
    refused_grants_have_the_error_of_the_standard
    missing_or_invalid_parameters_are_reported
    unknown_and_empty_parameters_are_ignored
    repeated_parameters_are_refused
    nothing_is_read_from_the_query
    a_form_is_read_as_browsers_write_it
    no_body_at_all_is_an_empty_form
    other_media_types_are_refused
    reuse_here_ends_the_session_too
}

async fn token(app: &TestApp, fields: &[(&str, &str)]) -> Reply {
    app.post("/auth/access-token").form(fields).send().await
}

async fn raw(app: &TestApp, body: impl Into<Vec<u8>>) -> Reply {
    app.post("/auth/access-token").body("application/x-www-form-urlencoded", body).send().await
}

async fn a_password_gives_tokens(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.register("Ann@example.org").await;
    let credentials = [("username", "ann@example.org"), ("password", PASSWORD)];
    for grant in [&[][..], &[("grant_type", "password")], &[("grant_type", "")]] {
        let reply = token(&app, &[grant, &credentials].concat()).await.expect_status(200);
        let body = reply.json();
        assert_eq!(body["token_type"], "bearer");
        assert_eq!(body["expires_in"], 1800);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        app.me(&reply.tokens().access).await.expect_status(200).json();
    }
}

async fn a_refresh_token_gives_its_successor(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", ann.tokens.refresh.as_str())];
    let next = token(&app, &fields).await.expect_status(200).tokens();
    assert_ne!(next.refresh, ann.tokens.refresh);
    // Both endpoints exchange the same token.
    assert_eq!(app.refresh(&ann.tokens.refresh).await.refresh, next.refresh);
    app.refresh(&next.refresh).await;
}

async fn refused_grants_have_the_error_of_the_standard(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, gone) = (app.user_fixture().await, app.user_fixture().await);
    app.delete("/users/me").bearer(&gone.tokens.access).send().await.expect_done();
    let mut answers: Vec<Value> = Vec::new();
    for (username, password) in [
        (ann.email.as_str(), "wrong password"),
        ("nobody@example.org", PASSWORD),
        (&gone.email, PASSWORD),
        ("no address", PASSWORD),
    ] {
        let reply = token(&app, &[("username", username), ("password", password)]).await;
        reply.expect_oauth_error("invalid_grant");
        answers.push(reply.json());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for refresh_token in ["x", &ann.tokens.access, &gone.tokens.refresh] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        token(&app, &fields).await.expect_oauth_error("invalid_grant");
    }
    app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_done();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", ann.tokens.refresh.as_str())];
    token(&app, &fields).await.expect_oauth_error("invalid_grant");
}

async fn missing_or_invalid_parameters_are_reported(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for fields in [
        &[][..],
        &[("username", "ann@example.org")],
        &[("password", PASSWORD)],
        &[("username", ""), ("password", "")],
        &[("grant_type", "refresh_token")],
        &[("grant_type", "refresh_token"), ("username", "ann@example.org"), ("password", PASSWORD)],
        &[("email", "ann@example.org"), ("password", PASSWORD)],
    ] {
        token(&app, fields).await.expect_oauth_error("invalid_request");
    }
    for grant in
        ["authorization_code", "client-credentials", "PASSWORD", "password ", "refresh-token", "implicit"]
    {
        let fields = [("grant_type", grant), ("username", "ann@example.org"), ("password", PASSWORD)];
        token(&app, &fields).await.expect_oauth_error("unsupported_grant_type");
    }
}

async fn unknown_and_empty_parameters_are_ignored(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let credentials = [("username", ann.email.as_str()), ("password", PASSWORD)];
    for more in [
        &[("scope", ""), ("client_id", ""), ("client_secret", "")][..],
        &[("scope", "openid email"), ("client_id", "swagger")],
        &[("is_superuser", "true"), ("tier", "premium"), ("refresh_token", "")],
    ] {
        let tokens = token(&app, &[&credentials, more].concat()).await.expect_status(200).tokens();
        assert_eq!(app.me(&tokens.access).await.json()["tier"], "free");
    }
    // The service ignores Basic credentials of a client for a password grant.
    let reply = app.post("/auth/access-token").basic("client", "secret").form(&credentials).send().await;
    reply.expect_status(200).tokens();
}

async fn repeated_parameters_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let email = ann.email.as_str();
    for fields in [
        [("username", email), ("password", PASSWORD), ("username", email)],
        [("username", email), ("password", "wrong"), ("password", PASSWORD)],
        [("username", email), ("password", PASSWORD), ("password", "")],
    ] {
        token(&app, &fields).await.expect_oauth_error("invalid_request");
    }
    let body = format!("username={email}&password={PASSWORD}&%70assword={PASSWORD}");
    raw(&app, body).await.expect_oauth_error("invalid_request");
    let body = format!("username={email}&password={PASSWORD}&scope=a&scope=b");
    raw(&app, body).await.expect_oauth_error("invalid_request");
}

async fn nothing_is_read_from_the_query(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let query =
        serde_urlencoded::to_string([("username", ann.email.as_str()), ("password", PASSWORD)]).unwrap();
    for body in ["", "grant_type=password"] {
        app.post(&format!("/auth/access-token?{query}"))
            .body("application/x-www-form-urlencoded", body)
            .send()
            .await
            .expect_oauth_error("invalid_request");
    }
    let query = format!("grant_type=refresh_token&refresh_token={}", ann.tokens.refresh);
    app.post(&format!("/auth/access-token?{query}"))
        .body("application/x-www-form-urlencoded", "")
        .send()
        .await
        .expect_oauth_error("invalid_request");
    app.post(&format!("/auth/refresh?{query}"))
        .json(&serde_json::json!({}))
        .send()
        .await
        .expect_invalid(&["/refresh_token"]);
    let query = format!("access_token={}", ann.tokens.access);
    app.get(&format!("/users/me?{query}")).send().await.expect_problem(401, "missing-token");
    let wrong = [("username", ann.email.as_str()), ("password", "wrong")];
    let query = format!("password={PASSWORD}");
    app.post(&format!("/auth/access-token?{query}"))
        .form(&wrong)
        .send()
        .await
        .expect_oauth_error("invalid_grant");
}

async fn a_form_is_read_as_browsers_write_it(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let body = serde_json::json!({ "email": "ann+tag@example.org", "password": "a b+c%&=é 🐈" });
    app.post("/auth/register").json(&body).send().await.expect_status(201).json();
    let form = "username=ann%2Btag%40example.org&password=a+b%2Bc%25%26%3D%C3%A9%20%F0%9F%90%88";
    raw(&app, form).await.expect_status(200).tokens();
    raw(&app, form.replace("%2Bc", "+c")).await.expect_oauth_error("invalid_grant");
    for form in ["username=%ff%fe&password=x", "username=a%40b.co&password=%C3", "a=%80"] {
        raw(&app, form).await.expect_oauth_error("invalid_request");
    }
    raw(&app, b"username=\xff&password=x".to_vec()).await.expect_oauth_error("invalid_request");
    raw(&app, "username=ann%00%40example.org&password=%00").await.expect_oauth_error("invalid_grant");
    for form in ["&&&", "=", "=&=", "username", "%", "username=%zz"] {
        raw(&app, form).await.expect_oauth_error("invalid_request");
    }
    raw(&app, "a=1&".repeat(5_000)).await.expect_oauth_error("invalid_request");
}

/// Clients without parameters may omit the media type too.
async fn no_body_at_all_is_an_empty_form(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for path in ["/auth/access-token", "/auth/revoke", "/auth/introspect"] {
        let call = || app.post(path).bearer(&admin.tokens.access);
        call().send().await.expect_oauth_error("invalid_request");
        call().header("content-length", "0").send().await.expect_oauth_error("invalid_request");
        call()
            .header("content-type", "text/plain")
            .send()
            .await
            .expect_problem(415, "unsupported-media-type");
    }
}

async fn other_media_types_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let form = format!("username={}&password={PASSWORD}", ann.email);
    for media_type in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        let call = app.post("/auth/access-token").body(media_type, form.clone());
        call.send().await.expect_problem(415, "unsupported-media-type");
    }
    for media_type in
        ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLencoded"]
    {
        app.post("/auth/access-token")
            .body(media_type, form.clone())
            .send()
            .await
            .expect_status(200)
            .tokens();
    }
    raw(&app, "a=".to_owned() + &"x".repeat(70_000)).await.expect_problem(413, "body-too-large");
}

async fn reuse_here_ends_the_session_too(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let next = app.refresh(&ann.tokens.refresh).await;
    app.clock.advance(time::Duration::MINUTE);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", ann.tokens.refresh.as_str())];
    token(&app, &fields).await.expect_oauth_error("invalid_grant");
    app.try_refresh(&next.refresh).await.expect_invalid_token();
}
