//! What the modules of the OpenID Foundation's certification plan for RP-initiated logout check, one story each (OpenID
//! Connect RP-Initiated Logout 1.0), and that a logout leads nowhere else.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, ISSUER, Reply, SESSION_COOKIE, TestApp, forge};
use serde_json::json;
use time::Duration;

use super::{
    Client, World, authorize, create_client, encoded, expect_logged_out, public, sign_in, world, world_with,
};

stories! {
    discovery_names_the_logout_endpoint
    logout_with_a_hint_returns_at_once
    unregistered_logout_uri_is_refused
    query_added_to_the_logout_uri_is_refused
    modified_hint_is_refused
    invalid_hint_is_refused
    logout_without_a_hint_is_confirmed
    logout_without_parameters_is_confirmed
    logout_without_uri_shows_a_page
    logout_with_only_state_is_confirmed
    logout_without_state_returns_without_state
    logout_leads_to_no_other_uri
    hint_of_another_user_is_confirmed
    hint_outlives_its_token
    logout_by_post_works_alike
    refused_confirmation_of_other_sites_changes_nothing
    logout_without_session_returns_at_once
}

fn path(parameters: &[(&str, &str)]) -> String {
    format!("/oauth/logout?{}", serde_urlencoded::to_string(parameters).expect("a query"))
}

async fn log_out(browser: &mut Browser<'_>, parameters: &[(&str, &str)]) -> Reply {
    browser.open(&path(parameters)).await
}

#[track_caller]
fn expect_return(reply: &Reply, location: &str) {
    assert!(matches!(reply.status, 302 | 303), "{reply}");
    assert_eq!(reply.header("location"), Some(location), "{reply}");
}

/// Checks for a page without a form, which leads nowhere.
#[track_caller]
fn expect_page(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply}");
    assert!(reply.header("location").is_none() && Form::all(reply).is_empty(), "{reply}");
}

async fn expect_live(browser: &mut Browser<'_>, client: &Client) {
    authorize(browser, &client.request().with("prompt", "none")).await.code();
}

/// Confirms on the page, and returns the answer.
async fn confirm(browser: &mut Browser<'_>, page: Reply) -> Reply {
    let page = page.expect_status(200);
    browser.submit(&page, "/logout", &[]).await
}

async fn discovery_names_the_logout_endpoint(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let document = app.get("/.well-known/openid-configuration").send().await.expect_status(200).json();
    assert_eq!(document["end_session_endpoint"], format!("{ISSUER}/oauth/logout"));
}

async fn logout_with_a_hint_returns_at_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let cookie = browser.session().expect("a session").to_owned();
    let client = &world.client;
    let state = "a b&c=%";
    let parameters = [
        ("id_token_hint", tokens.id()),
        ("post_logout_redirect_uri", &client.goodbye),
        ("state", state),
        ("client_id", &client.id),
    ];
    let reply = log_out(&mut browser, &parameters).await;
    expect_return(&reply, &format!("{}?state={}", client.goodbye, encoded(state)));
    expect_logged_out(&mut browser, client).await;
    // The session has ended, and not only the cookie.
    browser.set_cookie(SESSION_COOKIE, &cookie);
    expect_logged_out(&mut browser, client).await;
    super::expect_ended(&world.app, client, &tokens).await;
}

async fn unregistered_logout_uri_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let uri = ("post_logout_redirect_uri", "https://unregistered.example/goodbye");
    expect_page(&log_out(&mut browser, &[("id_token_hint", tokens.id()), uri]).await, 400);
    expect_live(&mut browser, &world.client).await;
}

async fn query_added_to_the_logout_uri_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let uri = format!("{}?foo=bar", world.client.goodbye);
    let parameters = [("id_token_hint", tokens.id()), ("post_logout_redirect_uri", &uri)];
    expect_page(&log_out(&mut browser, &parameters).await, 400);
    expect_live(&mut browser, &world.client).await;
}

async fn modified_hint_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let (header, mut claims) = forge::open(tokens.id());
    claims["nonce"] = json!("another");
    let (_, signature) = tokens.id().rsplit_once('.').expect("a signature");
    let forged = forge::assemble(header.to_string(), claims.to_string(), |_| super::decode(signature));
    let uri = ("post_logout_redirect_uri", world.client.goodbye.as_str());
    expect_page(&log_out(&mut browser, &[("id_token_hint", &forged), uri]).await, 400);
    expect_live(&mut browser, &world.client).await;
}

async fn invalid_hint_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let uri = ("post_logout_redirect_uri", world.client.goodbye.as_str());
    // No other token of the service is a hint.
    for hint in ["rubbish", &tokens.access, tokens.refresh()] {
        expect_page(&log_out(&mut browser, &[("id_token_hint", hint), uri]).await, 400);
    }
    expect_live(&mut browser, &world.client).await;
}

async fn logout_without_a_hint_is_confirmed(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    let uri = ("post_logout_redirect_uri", world.client.goodbye.as_str());
    // Without the client there is no registered URI.
    expect_page(&log_out(&mut browser, &[uri]).await, 400);
    let named = [uri, ("client_id", world.client.id.as_str()), ("state", "xyz")];
    let page = log_out(&mut browser, &named).await;
    expect_live(&mut browser, &world.client).await;
    let reply = confirm(&mut browser, page).await;
    expect_return(&reply, &format!("{}?state=xyz", world.client.goodbye));
    expect_logged_out(&mut browser, &world.client).await;
}

async fn logout_without_parameters_is_confirmed(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let page = browser.open("/oauth/logout").await;
    expect_live(&mut browser, &world.client).await;
    expect_page(&confirm(&mut browser, page).await, 200);
    expect_logged_out(&mut browser, &world.client).await;
    super::expect_ended(&world.app, &world.client, &tokens).await;
}

async fn logout_without_uri_shows_a_page(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    expect_page(&log_out(&mut browser, &[("id_token_hint", tokens.id())]).await, 200);
    expect_logged_out(&mut browser, &world.client).await;
}

async fn logout_with_only_state_is_confirmed(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    let page = log_out(&mut browser, &[("state", "xyz")]).await;
    expect_page(&confirm(&mut browser, page).await, 200);
    expect_logged_out(&mut browser, &world.client).await;
}

async fn logout_without_state_returns_without_state(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let uri = world.client.goodbye.as_str();
    let parameters = [("id_token_hint", tokens.id()), ("post_logout_redirect_uri", uri)];
    expect_return(&log_out(&mut browser, &parameters).await, uri);
}

/// Open redirects: URIs that look like the registered one.
async fn logout_leads_to_no_other_uri(store: Arc<dyn Store>) {
    let uri = "https://out.example/bye";
    let registered = json!({ "post_logout_redirect_uris": [uri, "http://127.0.0.1/bye"] });
    let world = world_with(store, registered).await;
    let (mut browser, tokens) = world.signed_in().await;
    let other = create_client(&world.app, &world.boss, public()).await;
    for target in [
        "https://out.example/bye/",
        "https://out.example/bye#",
        "https://out.example/BYE",
        "https://out.example/",
        "https://out.example:443/bye",
        "https://out.example.evil.example/bye",
        "https://out.example@evil.example/bye",
        "https://evil.example/?https://out.example/bye",
        "https://out.example/bye/../evil",
        "http://out.example/bye",
        "HTTPS://out.example/bye",
        "//evil.example",
        "/login",
        "javascript:alert(1)",
        "http://127.0.0.1:4711/bye",
        &other.goodbye,
        &world.client.redirect_uri,
    ] {
        let hint = ("id_token_hint", tokens.id());
        expect_page(&log_out(&mut browser, &[hint, ("post_logout_redirect_uri", target)]).await, 400);
        let named = [("client_id", world.client.id.as_str()), ("post_logout_redirect_uri", target)];
        expect_page(&log_out(&mut browser, &named).await, 400);
    }
    // The hint belongs to another client than the one that is named.
    let mixed = [
        ("id_token_hint", tokens.id()),
        ("client_id", other.id.as_str()),
        ("post_logout_redirect_uri", other.goodbye.as_str()),
    ];
    expect_page(&log_out(&mut browser, &mixed).await, 400);
    let twice = [("post_logout_redirect_uri", "https://evil.example/"), ("post_logout_redirect_uri", uri)];
    let twice = [&[("id_token_hint", tokens.id())][..], &twice].concat();
    expect_page(&log_out(&mut browser, &twice).await, 400);
    expect_live(&mut browser, &world.client).await;
}

async fn hint_of_another_user_is_confirmed(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    let bob = app.user_fixture().await;
    let of_bob = sign_in(app, &mut Browser::new(app), &bob, &client.request()).await;
    let uri = ("post_logout_redirect_uri", client.goodbye.as_str());
    let page = log_out(&mut browser, &[("id_token_hint", of_bob.id()), uri]).await;
    expect_live(&mut browser, client).await;
    expect_return(&confirm(&mut browser, page).await, &client.goodbye);
    expect_logged_out(&mut browser, client).await;
}

async fn hint_outlives_its_token(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    world.app.clock.advance(Duration::hours(20));
    let uri = ("post_logout_redirect_uri", world.client.goodbye.as_str());
    expect_return(
        &log_out(&mut browser, &[("id_token_hint", tokens.id()), uri]).await,
        &world.client.goodbye,
    );
    expect_logged_out(&mut browser, &world.client).await;
}

/// The form of an application, which the browser sends without the `Lax` cookie: the browser must come back with it.
async fn logout_by_post_works_alike(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let fields = [
        ("id_token_hint".to_owned(), tokens.id().to_owned()),
        ("post_logout_redirect_uri".to_owned(), world.client.goodbye.clone()),
    ];
    let reply = browser.post_from("https://app.example", "/oauth/logout", &fields).await;
    expect_return(&reply, &world.client.goodbye);
    expect_logged_out(&mut browser, &world.client).await;
}

async fn refused_confirmation_of_other_sites_changes_nothing(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    let page = browser.open("/oauth/logout").await.expect_status(200);
    let form = Form::find(&page, "/logout", &[]);
    let fields = form.filled(&[]);
    let reply = browser.post_from("https://evil.example", "/logout", &fields).await;
    assert_eq!(reply.status, 403, "{reply}");
    // Nor does a page of the same site without the value of its form.
    let without: Vec<(String, String)> = Vec::new();
    let reply = browser.post("/logout", &without).await;
    expect_page(&reply, 400);
    expect_live(&mut browser, &world.client).await;
}

async fn logout_without_session_returns_at_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    let mut other = Browser::new(&world.app);
    let uri = ("post_logout_redirect_uri", world.client.goodbye.as_str());
    let hint = ("id_token_hint", tokens.id());
    expect_return(&log_out(&mut other, &[hint, uri]).await, &world.client.goodbye);
    // Another browser ends no session.
    super::expect_live(&world.app, &world.client, &tokens).await;
}
