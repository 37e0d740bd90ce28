//! Refresh tokens of applications: bound to their client, and outlived by nothing that permitted them (RFC 9700 section
//! 4.14; OpenID Connect Core sections 11 and 12).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, PASSWORD};
use serde_json::json;
use time::Duration;

use super::{
    World, authorize, change_client, change_user, create_client, expect_ended, expect_invalid_client,
    expect_live, granted, log_in, public, refresh, sign_in, token, userinfo, world, world_with,
};

stories! {
    refresh_token_is_bound_to_its_client
    refresh_token_works_nowhere_else
    own_refresh_token_is_none_of_an_application
    reuse_ends_the_session
    repeated_refresh_within_the_grace_is_answered
    scope_may_shrink_and_not_grow
    offline_access_outlives_the_browser_session
    without_offline_access_the_browser_session_limits
    idle_browser_session_ends_its_applications
    offline_access_needs_the_refresh_grant
    client_without_refresh_grant_gets_no_refresh_token
    disabled_client_refreshes_nothing
    deactivated_user_refreshes_nothing
    withdrawn_scope_ends_the_refresh
    new_password_ends_the_refresh
    user_logs_an_application_out
    revoked_refresh_token_ends_the_session
    refresh_ends_after_90_days
}

async fn refresh_token_is_bound_to_its_client(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    for changes in [json!({}), public()] {
        let other = create_client(&world.app, &world.boss, changes).await;
        refresh(&world.app, &other, tokens.refresh()).await.expect_oauth_error("invalid_grant");
    }
    // The client authenticates, too.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
        ("client_id", world.client.id.as_str()),
    ];
    expect_invalid_client(&world.app.post("/oauth/token").form(&fields).send().await);
    expect_live(&world.app, &world.client, &tokens).await;
}

async fn refresh_token_works_nowhere_else(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, client, .. } = &world;
    let (_, tokens) = world.signed_in().await;
    let _ = app.try_refresh(tokens.refresh()).await.expect_status(401);
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
    assert_eq!(userinfo(app, tokens.refresh()).await.status, 401);
    expect_live(app, client, &tokens).await;
}

async fn own_refresh_token_is_none_of_an_application(store: Arc<dyn Store>) {
    let world = world(store).await;
    let own = &world.ann.tokens.refresh;
    refresh(&world.app, &world.client, own).await.expect_oauth_error("invalid_grant");
    for rubbish in ["x", "a.b.c"] {
        refresh(&world.app, &world.client, rubbish).await.expect_oauth_error("invalid_grant");
    }
    world.app.refresh(own).await;
}

async fn reuse_ends_the_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, client, .. } = &world;
    let (_, first) = world.signed_in_with("openid offline_access").await;
    let second = granted(refresh(app, client, first.refresh()).await);
    app.clock.advance(Duration::minutes(5));
    refresh(app, client, first.refresh()).await.expect_oauth_error("invalid_grant");
    expect_ended(app, client, &second).await;
}

async fn repeated_refresh_within_the_grace_is_answered(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, client, .. } = &world;
    let (_, first) = world.signed_in().await;
    let one = granted(refresh(app, client, first.refresh()).await);
    let other = granted(refresh(app, client, first.refresh()).await);
    assert_eq!(one.refresh, other.refresh);
    expect_live(app, client, &other).await;
}

async fn scope_may_shrink_and_not_grow(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (_, tokens) = world.signed_in_with("openid email").await;
    let with = async |refresh_token: &str, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("scope", scope)];
        token(app, client, &fields).await
    };
    with(tokens.refresh(), "openid email profile").await.expect_oauth_error("invalid_scope");
    with(tokens.refresh(), "openid unknown").await.expect_oauth_error("invalid_scope");
    let less = granted(with(tokens.refresh(), "openid").await);
    assert_eq!(less.scope, "openid");
    assert_eq!(userinfo(app, &less.access).await.expect_status(200).json(), json!({ "sub": ann.id }));
    let without = granted(with(less.refresh(), "email").await);
    assert_eq!(without.id, None);
    let reply = userinfo(app, &without.access).await;
    super::expect_bearer_error(&reply, 403, "insufficient_scope");
    // The grant itself is as large as before.
    let whole = granted(refresh(app, client, without.refresh()).await);
    assert_eq!(whole.scope, "openid email");
}

/// Ends the browser session on the page.
async fn log_out(browser: &mut Browser<'_>) {
    let page = browser.open("/oauth/logout").await.expect_status(200);
    let _ = browser.submit(&page, "/logout", &[]).await.expect_status(200);
}

async fn offline_access_outlives_the_browser_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in_with("openid offline_access").await;
    log_out(&mut browser).await;
    let tokens = expect_live(&world.app, &world.client, &tokens).await;
    world.app.clock.advance(Duration::days(2));
    granted(refresh(&world.app, &world.client, tokens.refresh()).await);
}

async fn without_offline_access_the_browser_session_limits(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let tokens = expect_live(&world.app, &world.client, &tokens).await;
    log_out(&mut browser).await;
    expect_ended(&world.app, &world.client, &tokens).await;
}

async fn idle_browser_session_ends_its_applications(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    world.app.clock.advance(Duration::hours(23));
    let tokens = granted(refresh(&world.app, &world.client, tokens.refresh()).await);
    world.app.clock.advance(Duration::hours(1));
    refresh(&world.app, &world.client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
}

async fn offline_access_needs_the_refresh_grant(store: Arc<dyn Store>) {
    let grants = json!({ "grant_types": ["authorization_code"] });
    let world = world_with(store, grants).await;
    let (_, tokens) = world.signed_in_with("openid offline_access").await;
    assert_eq!((tokens.refresh, tokens.scope.as_str()), (None, "openid"));
}

async fn client_without_refresh_grant_gets_no_refresh_token(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    change_client(&world, json!({ "grant_types": ["authorization_code"] })).await;
    let reply = refresh(&world.app, &world.client, tokens.refresh()).await;
    reply.expect_oauth_error("unauthorized_client");
    let (_, tokens) = world.signed_in().await;
    assert_eq!(tokens.refresh, None);
    userinfo(&world.app, &tokens.access).await.expect_status(200).json();
}

async fn disabled_client_refreshes_nothing(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    change_client(&world, json!({ "state": "disabled" })).await;
    expect_invalid_client(&refresh(&world.app, &world.client, tokens.refresh()).await);
    let reply = userinfo(&world.app, &tokens.access).await;
    super::expect_bearer_error(&reply, 401, "invalid_token");
    authorize(&mut browser, &world.client.request()).await.expect_refused();
}

async fn deactivated_user_refreshes_nothing(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in_with("openid offline_access").await;
    change_user(&world, &world.ann, json!({ "is_active": false })).await;
    expect_ended(&world.app, &world.client, &tokens).await;
    super::expect_logged_out(&mut browser, &world.client).await;
    // Nor does the password lead on.
    let page = authorize(&mut browser, &world.client.request()).await.page();
    let reply = super::enter_password(&mut browser, &page, &world.ann.email, PASSWORD).await;
    assert_eq!(reply.status, 403, "{reply}");
    super::expect_logged_out(&mut browser, &world.client).await;
}

async fn withdrawn_scope_ends_the_refresh(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in_with("openid email").await;
    change_client(&world, json!({ "scopes": ["openid"] })).await;
    refresh(&world.app, &world.client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
}

async fn new_password_ends_the_refresh(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in_with("openid offline_access").await;
    let body = json!({ "current_password": PASSWORD, "new_password": "even more secure 456" });
    let call = world.app.post("/users/me/password").bearer(&world.ann.tokens.access).json(&body);
    let reply = call.send().await;
    assert!(reply.status < 300, "{reply}");
    expect_ended(&world.app, &world.client, &tokens).await;
    super::expect_logged_out(&mut browser, &world.client).await;
}

/// The user ends the session of an application in the list of sessions.
async fn user_logs_an_application_out(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    let id = tokens.claims()["sid"].as_str().expect("a session").to_owned();
    let call = world.app.delete(&format!("/users/me/sessions/{id}")).bearer(&world.ann.tokens.access);
    call.send().await.expect_done();
    expect_ended(&world.app, &world.client, &tokens).await;
}

/// RFC 7009.
async fn revoked_refresh_token_ends_the_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let secret = world.client.secret.as_deref().expect("a secret");
    let call = world.app.post("/auth/revoke").basic(&world.client.id, secret);
    let _ = call.form(&[("token", tokens.refresh())]).send().await.expect_status(200);
    expect_ended(&world.app, &world.client, &tokens).await;
    // The browser session stays.
    authorize(&mut browser, &world.client.request()).await.code();
}

async fn refresh_ends_after_90_days(store: Arc<dyn Store>) {
    let world = world_with(store, json!({ "refresh_days": 365 })).await;
    let World { app, ann, client, .. } = &world;
    let request = client.request().with("scope", "openid offline_access");
    let mut tokens = sign_in(app, &mut Browser::new(app), ann, &request).await;
    for _ in 0..29 {
        app.clock.advance(Duration::days(3));
        tokens = granted(refresh(app, client, tokens.refresh()).await);
    }
    app.clock.advance(Duration::days(3));
    expect_ended(app, client, &tokens).await;
    log_in(&mut Browser::new(app), ann, &client.request()).await.code();
}
