//! What a request says about the login: `prompt`, `max_age`, and the user that it expects (OpenID Connect Core section
//! 3.1.2.1).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, PASSWORD, forge};
use serde_json::json;
use time::Duration;

use super::{
    World, authorize, change_client, consent, enrol, enter_password, exchange, granted, log_in, sign_in,
    sign_in_again, third_party, world, world_with,
};

stories! {
    prompt_none_never_shows_a_page
    prompt_none_excludes_other_prompts
    unknown_prompts_are_refused
    prompt_login_ignores_an_older_login
    max_age_0_authenticates_again
    invalid_max_age_is_refused
    prompt_consent_asks_again
    account_chooser_keeps_the_account
    account_chooser_leads_to_another_account
    hint_of_another_user_needs_that_user
    hint_of_another_client_is_refused
    other_tokens_are_no_hints
    claims_may_name_the_user
    posted_request_finds_the_browser_session
    wrong_password_shows_the_form_again
    two_requests_in_one_browser_both_end
}

async fn prompt_none_never_shows_a_page(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let World { app, ann, client, .. } = &world;
    let silent = || client.request().with("prompt", "none");
    let mut browser = Browser::new(app);
    assert_eq!(authorize(&mut browser, &silent()).await.error(), "login_required");
    let request = client.request();
    let page = log_in(&mut browser, ann, &request).await.page();
    assert_eq!(authorize(&mut browser, &silent()).await.error(), "consent_required");
    request.outcome(consent(&mut browser, &page, "allow").await).code();
    authorize(&mut browser, &silent()).await.code();
    let more = silent().with("scope", "openid email");
    assert_eq!(authorize(&mut browser, &more).await.error(), "consent_required");
    app.clock.advance(Duration::seconds(2));
    let old = silent().with("max_age", "1");
    assert_eq!(authorize(&mut browser, &old).await.error(), "login_required");
    let bob = app.user_fixture().await;
    let of_bob = json!({ "id_token": { "sub": { "value": bob.id } } }).to_string();
    let other = silent().with("claims", &of_bob);
    assert_eq!(authorize(&mut browser, &other).await.error(), "login_required");
    enrol(app, ann).await;
    change_client(&world, json!({ "first_party": false, "min_acr": "aal2" })).await;
    // The request names no acr, so this is no unmet requirement of its own.
    assert_eq!(authorize(&mut browser, &silent()).await.error(), "interaction_required");
}

async fn prompt_none_excludes_other_prompts(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    for prompt in ["none login", "consent none", "select_account none"] {
        let request = world.client.request().with("prompt", prompt);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request", "{prompt}");
    }
}

async fn unknown_prompts_are_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    for prompt in ["x", "NONE", "login x"] {
        let request = world.client.request().with("prompt", prompt);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request", "{prompt}");
    }
}

async fn prompt_login_ignores_an_older_login(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    app.clock.advance(Duration::SECOND);
    let request = client.request().with("prompt", "login");
    let page = authorize(&mut browser, &request).await.page();
    app.clock.advance(Duration::SECOND);
    // Nothing but the password leads on: neither another request nor an empty form.
    authorize(&mut browser, &request).await.page();
    let form = super::login_form(&page);
    let reply = browser.post(&form.action, &form.filled(&[])).await;
    assert!(!matches!(request.outcome(reply), super::Outcome::Code(_)));
    request.outcome(enter_password(&mut browser, &page, &ann.email, PASSWORD).await).code();
}

async fn max_age_0_authenticates_again(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    world.app.clock.advance(Duration::SECOND);
    let request = world.client.request().with("max_age", "0");
    let after = sign_in(&world.app, &mut browser, &world.ann, &request).await;
    assert_ne!(after.claims()["auth_time"], before.claims()["auth_time"]);
    world.app.clock.advance(Duration::SECOND);
    let silent = request.with("prompt", "none");
    assert_eq!(authorize(&mut browser, &silent).await.error(), "login_required");
}

async fn invalid_max_age_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    for age in ["-1", "1.5", "x", "99999999999999999999"] {
        let request = world.client.request().with("max_age", age);
        assert_eq!(
            authorize(&mut Browser::new(&world.app), &request).await.error(),
            "invalid_request",
            "{age}"
        );
    }
}

async fn prompt_consent_asks_again(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let World { app, ann, client, .. } = &world;
    let mut browser = Browser::new(app);
    let request = client.request();
    let page = log_in(&mut browser, ann, &request).await.page();
    request.outcome(consent(&mut browser, &page, "allow").await).code();
    app.clock.advance(Duration::SECOND);
    let request = client.request().with("prompt", "consent");
    let page = authorize(&mut browser, &request).await.page();
    let code = request.outcome(consent(&mut browser, &page, "allow").await).code();
    granted(exchange(app, &request, &code).await);
}

async fn account_chooser_keeps_the_account(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    world.app.clock.advance(Duration::SECOND);
    let request = world.client.request().with("prompt", "select_account");
    let page = authorize(&mut browser, &request).await.page();
    assert!(page.text().contains(&world.ann.email), "{page}");
    let reply = browser.submit(&page, "/login", &[("action", "choose")]).await;
    let tokens = granted(exchange(&world.app, &request, &request.outcome(reply).code()).await);
    assert_eq!(tokens.claims()["auth_time"], before.claims()["auth_time"]);
}

async fn account_chooser_leads_to_another_account(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, client, .. } = &world;
    let (mut browser, before) = world.signed_in().await;
    let bob = app.user_fixture().await;
    app.clock.advance(Duration::SECOND);
    let request = client.request().with("prompt", "select_account");
    let page = authorize(&mut browser, &request).await.page();
    let page = browser.submit(&page, "/login", &[("action", "other")]).await.expect_status(200);
    let reply = enter_password(&mut browser, &page, &bob.email, PASSWORD).await;
    let tokens = granted(exchange(app, &request, &request.outcome(reply).code()).await);
    assert_eq!(tokens.claims()["sub"], bob.id);
    // The session of the former user in this browser has ended, and its applications with it.
    super::expect_ended(app, client, &before).await;
}

async fn hint_of_another_user_needs_that_user(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    let bob = app.user_fixture().await;
    let of_bob = sign_in(app, &mut Browser::new(app), &bob, &client.request()).await;
    app.clock.advance(Duration::SECOND);
    let request = client.request().with("id_token_hint", of_bob.id());
    let silent = request.clone().with("prompt", "none");
    assert_eq!(authorize(&mut browser, &silent).await.error(), "login_required");
    let page = authorize(&mut browser, &request).await.page();
    let reply = enter_password(&mut browser, &page, &ann.email, PASSWORD).await;
    assert_eq!(request.outcome(reply).error(), "login_required");
    app.clock.advance(Duration::SECOND);
    let tokens = sign_in(app, &mut browser, &bob, &request).await;
    assert_eq!(tokens.claims()["sub"], bob.id);
}

async fn hint_of_another_client_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let other = super::create_client(&world.app, &world.boss, json!({})).await;
    let request = other.request().with("id_token_hint", tokens.id());
    assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request");
}

async fn other_tokens_are_no_hints(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let (header, claims) = forge::open(tokens.id());
    let unsigned = forge::assemble(r#"{"alg":"none","typ":"JWT"}"#, claims.to_string(), |_| Vec::new());
    let foreign = forge::es256(header.to_string(), claims.to_string());
    for hint in ["x", &tokens.access, tokens.refresh(), &unsigned, &foreign] {
        let request = world.client.request().with("id_token_hint", hint);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request");
    }
}

async fn claims_may_name_the_user(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    world.app.clock.advance(Duration::SECOND);
    let naming = |id: &str| {
        let claims = json!({ "id_token": { "sub": { "value": id } } });
        world.client.request().with("claims", &claims.to_string()).with("prompt", "none")
    };
    let tokens = sign_in_again(&world.app, &mut browser, &naming(&world.ann.id)).await;
    assert_eq!(tokens.claims()["sub"], world.ann.id);
    for other in [world.boss.id.as_str(), "nobody"] {
        assert_eq!(authorize(&mut browser, &naming(other)).await.error(), "login_required");
    }
    for malformed in ["x", "[]", "1", r#"{"id_token":1}"#] {
        let request = world.client.request().with("claims", malformed);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request", "{malformed}");
    }
}

/// A request by `POST` from an application has no `Lax` cookie: the browser must come back with it.
async fn posted_request_finds_the_browser_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    let request = world.client.request().with("prompt", "none");
    let reply = browser.post_from("https://app.example", "/oauth/authorize", &request.parameters).await;
    request.outcome(reply).code();
}

async fn wrong_password_shows_the_form_again(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let mut browser = Browser::new(app);
    let page = authorize(&mut browser, &request).await.page();
    let mut pages = Vec::new();
    for email in [ann.email.as_str(), "nobody@example.org"] {
        let wrong = enter_password(&mut browser, &page, email, "wrong password").await;
        assert!((400..500).contains(&wrong.status), "{wrong}");
        assert!(browser.session().is_none() && !Form::all(&wrong).is_empty(), "{wrong}");
        pages.push((wrong.status, wrong));
    }
    assert_eq!(pages[0].0, pages[1].0, "unknown accounts get the same answer");
    let (_, page) = pages.swap_remove(1);
    request.outcome(enter_password(&mut browser, &page, &ann.email, PASSWORD).await).code();
}

/// Two tabs.
async fn two_requests_in_one_browser_both_end(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let (one, other) = (client.request(), client.request());
    let mut browser = Browser::new(app);
    let first = authorize(&mut browser, &one).await.page();
    let second = authorize(&mut browser, &other).await.page();
    let code = one.outcome(enter_password(&mut browser, &first, &ann.email, PASSWORD).await).code();
    granted(exchange(app, &one, &code).await);
    let code = other.outcome(enter_password(&mut browser, &second, &ann.email, PASSWORD).await).code();
    granted(exchange(app, &other, &code).await);
}
