//! Parameters that are repeated, empty, unknown or in the wrong place (RFC 6749 section 3.1; OWASP ASVS 5.0, 15.3.7).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form};

use super::{World, authorize, exchange, granted, log_in, world};

stories! {
    repeated_parameters_are_refused
    repeated_state_is_not_returned
    repeated_unknown_parameters_are_ignored
    empty_parameters_count_as_absent
    unknown_scopes_are_refused
    malformed_queries_show_a_page
    query_of_a_form_is_ignored
    repeated_token_parameters_are_refused
    token_parameters_are_not_read_from_the_query
    token_endpoint_reads_forms_only
    unknown_grant_types_are_refused
    oversized_nonce_is_refused
    oversized_state_is_refused
    control_characters_are_refused
    null_character_in_claims_is_ignored
}

async fn repeated_parameters_are_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    for name in
        ["response_type", "scope", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age"]
    {
        let value = client.request().value(name).unwrap_or("1").to_owned();
        let request = client.request().with(name, &value).and(name, &value);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request", "{name}");
    }
}

async fn repeated_state_is_not_returned(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let request = client.request().and("state", "another");
    let reply = Browser::new(app).open(&request.path()).await;
    assert!(!reply.header("location").expect("a location").contains("state="), "{reply}");
    assert_eq!(request.outcome(reply).error(), "invalid_request");
}

async fn repeated_unknown_parameters_are_ignored(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request().and("x", "1").and("x", "2");
    log_in(&mut Browser::new(app), ann, &request).await.code();
}

async fn empty_parameters_count_as_absent(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request().with("prompt", "").with("max_age", "").with("request", "");
    let request = request.with("response_mode", "").with("acr_values", "").with("claims", "");
    log_in(&mut Browser::new(app), ann, &request).await.code();
    let request = client.request().with("response_type", "");
    assert_eq!(authorize(&mut Browser::new(app), &request).await.error(), "invalid_request");
}

async fn unknown_scopes_are_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    for scope in ["openid unknown", "openid admin", "openid  email", "openid \"x\"", "OPENID"] {
        let request = client.request().with("scope", scope);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_scope", "{scope}");
    }
}

async fn malformed_queries_show_a_page(store: Arc<dyn Store>) {
    let World { app, .. } = &world(store).await;
    for query in ["", "?", "?client_id", "?%FF=x", "?client_id=%00", "?redirect_uri=https://evil.example/"] {
        let reply = Browser::new(app).open(&format!("/oauth/authorize{query}")).await.expect_status(400);
        assert!(reply.header("location").is_none() && Form::all(&reply).is_empty(), "{reply}");
    }
}

async fn query_of_a_form_is_ignored(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let request = client.request();
    let path = format!("/oauth/authorize?prompt=none&redirect_uri={}", "https://evil.example/");
    let call = app.post(&path).body("application/x-www-form-urlencoded", encoded(&request.parameters));
    request.outcome(call.send().await).page();
}

fn encoded(fields: &[(String, String)]) -> String {
    serde_urlencoded::to_string(fields).expect("a form")
}

async fn repeated_token_parameters_are_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", request.verifier.as_str()),
    ];
    for field in fields {
        let repeated = [&fields[..], &[field]].concat();
        super::token(app, client, &repeated).await.expect_oauth_error("invalid_request");
    }
    granted(exchange(app, &request, &code).await);
}

async fn token_parameters_are_not_read_from_the_query(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let secret = client.secret.as_deref().expect("a secret");
    let fields = [("grant_type", "authorization_code"), ("redirect_uri", &client.redirect_uri)];
    let path = format!("/oauth/token?code={code}&code_verifier={}", request.verifier);
    let reply = app.post(&path).basic(&client.id, secret).form(&fields).send().await;
    reply.expect_oauth_error("invalid_request");
    granted(exchange(app, &request, &code).await);
}

async fn token_endpoint_reads_forms_only(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let secret = client.secret.as_deref().expect("a secret");
    let body = serde_json::json!({ "grant_type": "client_credentials" });
    let reply = app.post("/oauth/token").basic(&client.id, secret).json(&body).send().await;
    assert!([400, 415].contains(&reply.status), "{reply}");
    assert!([404, 405].contains(&app.get("/oauth/token").send().await.status));
}

async fn unknown_grant_types_are_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    for grant in ["x", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "password"] {
        let reply = super::token(app, client, &[("grant_type", grant)]).await;
        reply.expect_oauth_error("unsupported_grant_type");
    }
    super::token(app, client, &[]).await.expect_oauth_error("invalid_request");
    // A client without the grant type.
    super::token(app, client, &[("grant_type", "client_credentials")])
        .await
        .expect_oauth_error("unauthorized_client");
}

async fn oversized_nonce_is_refused(store: Arc<dyn Store>) {
    expect_longest(store, "nonce", 1_024).await;
}

async fn oversized_state_is_refused(store: Arc<dyn Store>) {
    expect_longest(store, "state", 4_096).await;
}

/// Checks that a parameter has at most this number of bytes.
async fn expect_longest(store: Arc<dyn Store>, name: &str, length: usize) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let longest = client.request().with(name, &"n".repeat(length));
    authorize(&mut browser, &longest).await.page();
    let longer = client.request().with(name, &"n".repeat(length + 1));
    assert_eq!(authorize(&mut browser, &longer).await.error(), "invalid_request");
}

async fn control_characters_are_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    for name in ["nonce", "state"] {
        let request = client.request().with(name, "a\0b\n");
        assert_eq!(authorize(&mut Browser::new(app), &request).await.error(), "invalid_request", "{name}");
    }
}

/// The names of claims are stored until the exchange, and PostgreSQL has no texts with a null character.
async fn null_character_in_claims_is_ignored(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request().with("claims", r#"{"id_token":{"a\u0000b":null}}"#);
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    granted(exchange(app, &request, &code).await);
}
