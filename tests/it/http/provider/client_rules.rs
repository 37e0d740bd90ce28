//! The rules of a client for its users, and the assurance that a request asks for: tiers, `min_acr`, `acr_values` and
//! an essential `acr` (OpenID Connect Core section 5.5.1.1; RFC 9470).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::Browser;
use serde_json::json;
use time::Duration;

use super::{
    World, authorize, change_client, change_user, enrol, enter_code, exchange, expect_ended, expect_live,
    granted, log_in, next_code, refresh, world, world_with,
};

stories! {
    other_tiers_are_denied_after_the_login
    tier_is_checked_at_every_refresh
    min_acr_steps_up
    min_acr_without_a_factor_is_denied
    min_acr_is_checked_at_every_refresh
    acr_values_step_up_if_the_user_can
    voluntary_acr_does_not_fail
    essential_acr_steps_up
    essential_acr_that_is_unmet_fails
    unknown_essential_acr_fails
    wrong_code_at_step_up_changes_nothing
    access_minutes_are_those_of_the_client
    refresh_days_are_those_of_the_client
}

async fn other_tiers_are_denied_after_the_login(store: Arc<dyn Store>) {
    let world = world_with(store, json!({ "allowed_tiers": ["premium"] })).await;
    let World { app, ann, client, .. } = &world;
    let mut browser = Browser::new(app);
    let request = client.request();
    assert_eq!(log_in(&mut browser, ann, &request).await.error(), "access_denied");
    let silent = client.request().with("prompt", "none");
    assert_eq!(authorize(&mut browser, &silent).await.error(), "access_denied");
    change_user(&world, ann, json!({ "tier": "premium" })).await;
    let request = client.request();
    log_in(&mut Browser::new(app), ann, &request).await.code();
}

async fn tier_is_checked_at_every_refresh(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in_with("openid offline_access").await;
    change_client(&world, json!({ "allowed_tiers": ["premium"] })).await;
    refresh(&world.app, &world.client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
    // The token is not spent: the rules may change back.
    change_client(&world, json!({ "allowed_tiers": ["free", "premium"] })).await;
    granted(refresh(&world.app, &world.client, tokens.refresh()).await);
}

async fn min_acr_steps_up(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, before) = world.signed_in().await;
    let secret = enrol(app, ann).await;
    change_client(&world, json!({ "min_acr": "aal2" })).await;
    let request = client.request();
    let page = authorize(&mut browser, &request).await.page();
    let code = next_code(app, &secret);
    let code = request.outcome(enter_code(&mut browser, &page, &code).await).code();
    let claims = granted(exchange(app, &request, &code).await).claims();
    assert_eq!((&claims["acr"], &claims["auth_time"]), (&json!("aal2"), &json!(app.clock_seconds())));
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_ne!(claims["auth_time"], before.claims()["auth_time"]);
    // The browser session is strong now.
    authorize(&mut browser, &client.request().with("prompt", "none")).await.code();
}

async fn min_acr_without_a_factor_is_denied(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world_with(store, json!({ "min_acr": "aal2" })).await;
    let mut browser = Browser::new(app);
    assert_eq!(log_in(&mut browser, ann, &client.request()).await.error(), "access_denied");
    assert_eq!(authorize(&mut browser, &client.request()).await.error(), "access_denied");
}

async fn min_acr_is_checked_at_every_refresh(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    let tokens = expect_live(&world.app, &world.client, &tokens).await;
    change_client(&world, json!({ "min_acr": "aal2" })).await;
    refresh(&world.app, &world.client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
}

async fn acr_values_step_up_if_the_user_can(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    let secret = enrol(app, ann).await;
    let request = client.request().with("acr_values", "aal2 phr");
    // A wish is no reason to fail without a page.
    let silent = request.clone().with("prompt", "none");
    authorize(&mut browser, &silent).await.code();
    let page = authorize(&mut browser, &request).await.page();
    let code = next_code(app, &secret);
    let code = request.outcome(enter_code(&mut browser, &page, &code).await).code();
    assert_eq!(granted(exchange(app, &request, &code).await).claims()["acr"], "aal2");
}

async fn voluntary_acr_does_not_fail(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    for request in [
        client.request().with("acr_values", "phr"),
        client.request().with("acr_values", "urn:unknown"),
        client.request().with("claims", r#"{"id_token":{"acr":{"values":["phr"]}}}"#),
    ] {
        let code = log_in(&mut Browser::new(app), ann, &request).await.code();
        assert_eq!(granted(exchange(app, &request, &code).await).claims()["acr"], "aal1");
    }
}

const ESSENTIAL_AAL2: &str = r#"{"id_token":{"acr":{"essential":true,"values":["aal2"]}}}"#;

async fn essential_acr_steps_up(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    let secret = enrol(app, ann).await;
    let request = client.request().with("claims", ESSENTIAL_AAL2);
    let silent = request.clone().with("prompt", "none");
    assert_eq!(authorize(&mut browser, &silent).await.error(), "unmet_authentication_requirements");
    let page = authorize(&mut browser, &request).await.page();
    let code = next_code(app, &secret);
    let code = request.outcome(enter_code(&mut browser, &page, &code).await).code();
    assert_eq!(granted(exchange(app, &request, &code).await).claims()["acr"], "aal2");
}

async fn essential_acr_that_is_unmet_fails(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request().with("claims", ESSENTIAL_AAL2);
    let outcome = log_in(&mut Browser::new(app), ann, &request).await;
    assert_eq!(outcome.error(), "unmet_authentication_requirements");
}

async fn unknown_essential_acr_fails(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["urn:unknown"]}}}"#;
    let request = client.request().with("claims", claims);
    let error = authorize(&mut Browser::new(app), &request).await.error();
    assert_eq!(error, "unmet_authentication_requirements");
}

async fn wrong_code_at_step_up_changes_nothing(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    let secret = enrol(app, ann).await;
    let request = client.request().with("claims", ESSENTIAL_AAL2);
    let page = authorize(&mut browser, &request).await.page();
    let right = next_code(app, &secret);
    let wrong: String = right.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    let cookie = browser.session().map(str::to_owned);
    let page = enter_code(&mut browser, &page, &wrong).await;
    assert!((400..500).contains(&page.status), "{page}");
    assert_eq!(browser.session().map(str::to_owned), cookie);
    request.outcome(enter_code(&mut browser, &page, &right).await).code();
}

async fn access_minutes_are_those_of_the_client(store: Arc<dyn Store>) {
    let world = world_with(store, json!({ "access_minutes": 5 })).await;
    let World { app, ann, client, .. } = &world;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let reply = exchange(app, &request, &code).await;
    assert_eq!(reply.json()["expires_in"], 300, "{reply}");
    let tokens = granted(reply);
    app.clock.advance(Duration::minutes(4));
    super::userinfo(app, &tokens.access).await.expect_status(200).json();
    app.clock.advance(Duration::minutes(2));
    super::expect_bearer_error(&super::userinfo(app, &tokens.access).await, 401, "invalid_token");
}

async fn refresh_days_are_those_of_the_client(store: Arc<dyn Store>) {
    let world = world_with(store, json!({ "refresh_days": 1 })).await;
    let (_, tokens) = world.signed_in_with("openid offline_access").await;
    world.app.clock.advance(Duration::hours(23));
    let tokens = granted(refresh(&world.app, &world.client, tokens.refresh()).await);
    world.app.clock.advance(Duration::hours(25));
    expect_ended(&world.app, &world.client, &tokens).await;
}
