//! Authorization codes are bound to their request and used once (RFC 6749 section 4.1; RFC 9700 sections 4.5 and 4.8).

use std::sync::Arc;

use futures_util::future::join_all;
use inwren_domain::store::Store;
use inwren_tests::app::{Browser, PASSWORD, TestApp, forge};
use serde_json::json;
use time::Duration;

use super::{
    Client, Request, World, change_client, change_user, create_client, exchange, exchange_with, expect_ended,
    granted, log_in, public, third_party, world, world_with,
};

stories! {
    code_is_bound_to_its_client
    code_is_bound_to_its_redirect_uri
    code_is_bound_to_its_challenge
    code_is_bound_to_the_browser_session
    code_expires_after_60_seconds
    replayed_code_ends_the_session_at_once
    replayed_code_ends_the_session_after_30_seconds
    three_wrong_presentations_end_a_code
    wrong_presentation_of_a_used_code_revokes_nothing
    unknown_codes_are_refused
    new_password_voids_the_code
    deactivated_user_gets_no_tokens
    disabled_client_gets_no_tokens
    withdrawn_scope_voids_the_code
    of_50_callers_with_one_code_one_succeeds
    resource_of_the_code_is_kept
}

/// Logs in, and returns the request with its code.
async fn new_code(app: &TestApp, world: &World, client: &Client) -> (Request, String) {
    let request = client.request();
    let code = log_in(&mut Browser::new(app), &world.ann, &request).await.code();
    (request, code)
}

async fn code_is_bound_to_its_client(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, boss, client, .. } = &world;
    let (request, code) = new_code(app, &world, client).await;
    for changes in [json!({}), public()] {
        let other = create_client(app, boss, changes).await;
        let stolen = Request { client: other, ..request.clone() };
        exchange(app, &stolen, &code).await.expect_oauth_error("invalid_grant");
    }
    granted(exchange(app, &request, &code).await);
}

async fn code_is_bound_to_its_redirect_uri(store: Arc<dyn Store>) {
    let uris = json!({ "redirect_uris": ["https://app.example/one", "https://app.example/two"] });
    let world = world_with(store, uris).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let other = request.clone().with("redirect_uri", "https://app.example/two");
    exchange(&world.app, &other, &code).await.expect_oauth_error("invalid_grant");
    granted(exchange(&world.app, &request, &code).await);
}

async fn code_is_bound_to_its_challenge(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let challenge = request.value("code_challenge").expect("a challenge").to_owned();
    for wrong in [challenge, world.client.request().verifier] {
        exchange_with(&world.app, &request, &code, &wrong).await.expect_oauth_error("invalid_grant");
    }
    granted(exchange(&world.app, &request, &code).await);
}

async fn code_is_bound_to_the_browser_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let mut browser = Browser::new(app);
    let request = client.request();
    let code = log_in(&mut browser, ann, &request).await.code();
    let page = browser.open("/oauth/logout").await.expect_status(200);
    let _ = browser.submit(&page, "/logout", &[]).await.expect_status(200);
    // Another session of the same user is no substitute.
    let _ = new_code(app, &world, client).await;
    exchange(app, &request, &code).await.expect_oauth_error("invalid_grant");
}

async fn code_expires_after_60_seconds(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let (late, late_code) = new_code(&world.app, &world, &world.client).await;
    world.app.clock.advance(Duration::seconds(59));
    granted(exchange(&world.app, &request, &code).await);
    world.app.clock.advance(Duration::seconds(1));
    exchange(&world.app, &late, &late_code).await.expect_oauth_error("invalid_grant");
}

async fn replay(store: Arc<dyn Store>, delay: Duration) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let (_, other) = world.signed_in().await;
    let tokens = granted(exchange(&world.app, &request, &code).await);
    world.app.clock.advance(delay);
    exchange(&world.app, &request, &code).await.expect_oauth_error("invalid_grant");
    expect_ended(&world.app, &world.client, &tokens).await;
    // Other sessions stay.
    super::expect_live(&world.app, &world.client, &other).await;
}

async fn replayed_code_ends_the_session_at_once(store: Arc<dyn Store>) {
    replay(store, Duration::ZERO).await;
}

async fn replayed_code_ends_the_session_after_30_seconds(store: Arc<dyn Store>) {
    replay(store, Duration::seconds(30)).await;
}

async fn three_wrong_presentations_end_a_code(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    for _ in 0..3 {
        let wrong = exchange_with(&world.app, &request, &code, &"x".repeat(43)).await;
        wrong.expect_oauth_error("invalid_grant");
    }
    exchange(&world.app, &request, &code).await.expect_oauth_error("invalid_grant");
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    for _ in 0..2 {
        let wrong = exchange_with(&world.app, &request, &code, &"x".repeat(43)).await;
        wrong.expect_oauth_error("invalid_grant");
    }
    granted(exchange(&world.app, &request, &code).await);
}

/// Only who has the verifier is the application whose code was stolen; others could log people out.
async fn wrong_presentation_of_a_used_code_revokes_nothing(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let tokens = granted(exchange(&world.app, &request, &code).await);
    let wrong = exchange_with(&world.app, &request, &code, &"x".repeat(43)).await;
    wrong.expect_oauth_error("invalid_grant");
    super::expect_live(&world.app, &world.client, &tokens).await;
}

async fn unknown_codes_are_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let mut changed = code.clone().into_bytes();
    changed[0] = if changed[0] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("a text");
    for unknown in ["x", "%00", &changed, &code[1..], &format!("{code}A")] {
        exchange(&world.app, &request, unknown).await.expect_oauth_error("invalid_grant");
    }
    assert!(code.len() >= 43, "256 bits have 43 characters of base64url");
    granted(exchange(&world.app, &request, &code).await);
}

async fn new_password_voids_the_code(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    let body = json!({ "current_password": PASSWORD, "new_password": "even more secure 456" });
    let call = world.app.post("/users/me/password").bearer(&world.ann.tokens.access).json(&body);
    let reply = call.send().await;
    assert!(reply.status < 300, "{reply}");
    exchange(&world.app, &request, &code).await.expect_oauth_error("invalid_grant");
}

async fn deactivated_user_gets_no_tokens(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    change_user(&world, &world.ann, json!({ "is_active": false })).await;
    exchange(&world.app, &request, &code).await.expect_oauth_error("invalid_grant");
}

async fn disabled_client_gets_no_tokens(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (request, code) = new_code(&world.app, &world, &world.client).await;
    change_client(&world, json!({ "state": "disabled" })).await;
    super::expect_invalid_client(&exchange(&world.app, &request, &code).await);
    change_client(&world, json!({ "state": "active" })).await;
    granted(exchange(&world.app, &request, &code).await);
}

async fn withdrawn_scope_voids_the_code(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request().with("scope", "openid email");
    let code = log_in(&mut Browser::new(&world.app), &world.ann, &request).await.code();
    change_client(&world, json!({ "scopes": ["openid"] })).await;
    exchange(&world.app, &request, &code).await.expect_oauth_error("invalid_grant");
}

async fn of_50_callers_with_one_code_one_succeeds(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let World { app, ann, client, .. } = &world;
    let request = client.request();
    let mut browser = Browser::new(app);
    let page = log_in(&mut browser, ann, &request).await.page();
    let code = request.outcome(super::consent(&mut browser, &page, "allow").await).code();
    let replies = join_all((0..50).map(|_| exchange(app, &request, &code))).await;
    let (done, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 49));
    for reply in &refused {
        reply.expect_oauth_error("invalid_grant");
    }
    // The others were second uses.
    let tokens = granted(done.into_iter().next().expect("one"));
    expect_ended(app, client, &tokens).await;
}

/// RFC 8707 section 2.
async fn resource_of_the_code_is_kept(store: Arc<dyn Store>) {
    let orders = "https://orders.example";
    let world = world_with(store, json!({ "resources": [orders] })).await;
    let World { app, ann, client, .. } = &world;
    let request = client.request().with("resource", orders);
    let mut browser = Browser::new(app);
    let code = log_in(&mut browser, ann, &request).await.code();
    let fields = |resource| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("code_verifier", request.verifier.as_str()),
            ("resource", resource),
        ]
    };
    let other = super::token(app, client, &fields("https://other.example")).await;
    other.expect_oauth_error("invalid_target");
    let tokens = granted(super::token(app, client, &fields(orders)).await);
    assert_eq!(forge::open(&tokens.access).1["aud"], orders);
    // It is no token for this service.
    super::expect_bearer_error(&super::userinfo(app, &tokens.access).await, 401, "invalid_token");
    let unknown = client.request().with("resource", "https://other.example");
    assert_eq!(super::authorize(&mut browser, &unknown).await.error(), "invalid_target");
}
