//! Consent per user, application and scope: asked once, revocable, and skipped by the operator's own applications.

use std::sync::Arc;

use inwren_domain::audit::{AuditEventKind, AuditFilter};
use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, PASSWORD};
use inwren_tests::fixtures::audit_events;
use serde_json::{Value, json};
use time::Duration;

use super::{
    Granted, Request, World, authorize, consent, enter_password, exchange, expect_ended, expect_live,
    granted, log_in, refresh, third_party, world, world_with,
};

stories! {
    consent_is_asked_once
    new_scope_asks_again
    smaller_scope_does_not_ask
    denied_consent_returns_access_denied
    consent_page_names_the_application
    other_users_are_asked
    first_party_application_skips_consent
    consent_revoked_by_the_api_ends_tokens
    consent_revoked_on_the_page_ends_tokens
    revoked_consent_voids_the_code
    revocation_of_another_site_is_refused
    unknown_grants_are_not_found
    grants_need_the_users_own_token
    consents_are_audited
    deleted_client_takes_its_consents_along
}

/// Logs in and consents.
async fn allowed(world: &World, browser: &mut Browser<'_>, request: &Request) -> Granted {
    let page = log_in(browser, &world.ann, request).await.page();
    let code = request.outcome(consent(browser, &page, "allow").await).code();
    granted(exchange(&world.app, request, &code).await)
}

async fn grants(world: &World) -> Value {
    let token = world.app.login(&world.ann.email).await.access;
    world.app.get("/users/me/grants").bearer(&token).send().await.expect_status(200).json()
}

fn silent(world: &World, scope: &str) -> Request {
    world.client.request().with("prompt", "none").with("scope", scope)
}

async fn consent_is_asked_once(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    allowed(&world, &mut browser, &world.client.request()).await;
    authorize(&mut browser, &world.client.request()).await.code();
    // In another browser, too.
    log_in(&mut Browser::new(&world.app), &world.ann, &world.client.request()).await.code();
    let listed = grants(&world).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let grant = &listed["items"][0];
    assert_eq!((&grant["client_id"], &grant["scopes"]), (&json!(world.client.id), &json!(["openid"])));
    assert_eq!(grant["name"], world.client.settings["name"]);
}

async fn new_scope_asks_again(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    allowed(&world, &mut browser, &world.client.request()).await;
    let request = world.client.request().with("scope", "openid email");
    let page = authorize(&mut browser, &request).await.page();
    let code = request.outcome(consent(&mut browser, &page, "allow").await).code();
    let tokens = granted(exchange(&world.app, &request, &code).await);
    assert_eq!(tokens.scope, "openid email");
    assert_eq!(grants(&world).await["items"][0]["scopes"], json!(["openid", "email"]));
    authorize(&mut browser, &silent(&world, "openid email")).await.code();
    let more = silent(&world, "openid email profile");
    assert_eq!(authorize(&mut browser, &more).await.error(), "consent_required");
}

async fn smaller_scope_does_not_ask(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    allowed(&world, &mut browser, &world.client.request().with("scope", "openid email")).await;
    let request = silent(&world, "openid");
    let code = authorize(&mut browser, &request).await.code();
    assert_eq!(granted(exchange(&world.app, &request, &code).await).scope, "openid");
}

async fn denied_consent_returns_access_denied(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    let request = world.client.request();
    let page = log_in(&mut browser, &world.ann, &request).await.page();
    assert_eq!(request.outcome(consent(&mut browser, &page, "deny").await).error(), "access_denied");
    assert_eq!(grants(&world).await, json!({ "items": [] }));
    assert_eq!(authorize(&mut browser, &silent(&world, "openid")).await.error(), "consent_required");
    // An answer without a choice is none.
    let mut fields = Form::find(&page, "/consent", &[("action", "allow")]).filled(&[("action", "allow")]);
    fields.retain(|(name, _)| name != "action");
    let reply = browser.post("/consent", &fields).await;
    assert!(reply.header("location").is_none(), "{reply}");
    assert_eq!(authorize(&mut browser, &silent(&world, "openid")).await.error(), "consent_required");
}

async fn consent_page_names_the_application(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let request = world.client.request().with("scope", "openid email");
    let page = log_in(&mut Browser::new(&world.app), &world.ann, &request).await.page();
    let name = world.client.settings["name"].as_str().expect("a name");
    assert!(page.text().contains(name) && page.text().contains(&world.ann.email), "{page}");
}

async fn other_users_are_asked(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let World { app, client, .. } = &world;
    allowed(&world, &mut Browser::new(app), &client.request()).await;
    let bob = app.user_fixture().await;
    let request = client.request();
    let mut browser = Browser::new(app);
    log_in(&mut browser, &bob, &request).await.page();
    assert_eq!(authorize(&mut browser, &silent(&world, "openid")).await.error(), "consent_required");
}

async fn first_party_application_skips_consent(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request().with("scope", "openid profile email");
    log_in(&mut Browser::new(&world.app), &world.ann, &request).await.code();
    assert_eq!(grants(&world).await, json!({ "items": [] }));
}

async fn consent_revoked_by_the_api_ends_tokens(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    let request = world.client.request().with("scope", "openid offline_access");
    let first = allowed(&world, &mut browser, &request).await;
    let path = format!("/users/me/grants/{}", world.client.id);
    world.app.delete(&path).bearer(&world.ann.tokens.access).send().await.expect_done();
    expect_ended(&world.app, &world.client, &first).await;
    assert_eq!(authorize(&mut browser, &silent(&world, "openid")).await.error(), "consent_required");
    let again = world.app.delete(&path).bearer(&world.ann.tokens.access).send().await;
    assert_eq!(again.status, 404, "{again}");
    // The browser session and the user's own tokens stay.
    world.app.me(&world.ann.tokens.access).await.expect_status(200).json();
}

async fn consent_revoked_on_the_page_ends_tokens(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    let tokens = allowed(&world, &mut browser, &world.client.request()).await;
    let page = browser.open("/account/grants").await.expect_status(200);
    let name = world.client.settings["name"].as_str().expect("a name");
    assert!(page.text().contains(name), "{page}");
    let fields = [("client_id", world.client.id.as_str())];
    let page = browser.submit(&page, "/account/grants", &fields).await.expect_status(200);
    assert!(!page.text().contains(name), "{page}");
    expect_ended(&world.app, &world.client, &tokens).await;
    assert_eq!(authorize(&mut browser, &silent(&world, "openid")).await.error(), "consent_required");
}

async fn revoked_consent_voids_the_code(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    let request = world.client.request();
    let page = log_in(&mut browser, &world.ann, &request).await.page();
    let code = request.outcome(consent(&mut browser, &page, "allow").await).code();
    let path = format!("/users/me/grants/{}", world.client.id);
    world.app.delete(&path).bearer(&world.ann.tokens.access).send().await.expect_done();
    exchange(&world.app, &request, &code).await.expect_oauth_error("invalid_grant");
}

async fn revocation_of_another_site_is_refused(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    let tokens = allowed(&world, &mut browser, &world.client.request()).await;
    let page = browser.open("/account/grants").await.expect_status(200);
    let fields = Form::find(&page, "/account/grants", &[("client_id", &world.client.id)]).filled(&[]);
    let reply = browser.post_from("https://evil.example", "/account/grants", &fields).await;
    assert_eq!(reply.status, 403, "{reply}");
    // The form of another user's session, and one without its token.
    let bob = world.app.user_fixture().await;
    let mut other = Browser::new(&world.app);
    let page = other.open("/login").await.expect_status(200);
    let _ = enter_password(&mut other, &page, &bob.email, PASSWORD).await.expect_status(200);
    assert_eq!(other.post("/account/grants", &fields).await.status, 400);
    let only_id = vec![("client_id".to_owned(), world.client.id.clone())];
    assert_eq!(browser.post("/account/grants", &only_id).await.status, 400);
    expect_live(&world.app, &world.client, &tokens).await;
}

async fn unknown_grants_are_not_found(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let bob = world.app.user_fixture().await;
    allowed(&world, &mut Browser::new(&world.app), &world.client.request()).await;
    // A user sees and revokes only own grants.
    for id in [world.client.id.as_str(), "unknown", "a%20b", "inwren"] {
        let path = format!("/users/me/grants/{id}");
        world.app.delete(&path).bearer(&bob.tokens.access).send().await.expect_problem(404, "not-found");
    }
    let listed = world.app.get("/users/me/grants").bearer(&bob.tokens.access).send().await;
    assert_eq!(listed.expect_status(200).json(), json!({ "items": [] }));
}

async fn grants_need_the_users_own_token(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let tokens = allowed(&world, &mut Browser::new(&world.app), &world.client.request()).await;
    let path = format!("/users/me/grants/{}", world.client.id);
    world.app.get("/users/me/grants").bearer(&tokens.access).send().await.expect_invalid_token();
    world.app.delete(&path).bearer(&tokens.access).send().await.expect_invalid_token();
    world.app.get("/users/me/grants").send().await.expect_problem(401, "missing-token");
}

async fn consents_are_audited(store: Arc<dyn Store>) {
    let world = world_with(store.clone(), third_party()).await;
    allowed(&world, &mut Browser::new(&world.app), &world.client.request()).await;
    world.app.clock.advance(Duration::SECOND);
    let path = format!("/users/me/grants/{}", world.client.id);
    world.app.delete(&path).bearer(&world.ann.tokens.access).send().await.expect_done();
    let events = audit_events(&*store, &AuditFilter::default()).await.expect("events");
    let subject = format!("user:{}", world.ann.id);
    for kind in
        [AuditEventKind::ConsentGranted, AuditEventKind::ApplicationLoggedIn, AuditEventKind::ConsentRevoked]
    {
        let found = events.iter().filter(|event| event.kind == kind && event.subject.to_string() == subject);
        assert_eq!(found.count(), 1, "{kind:?}");
    }
}

async fn deleted_client_takes_its_consents_along(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let mut browser = Browser::new(&world.app);
    let tokens = allowed(&world, &mut browser, &world.client.request()).await;
    let path = format!("/admin/clients/{}", world.client.id);
    world.app.delete(&path).bearer(&world.admin().await).send().await.expect_done();
    assert_eq!(grants(&world).await, json!({ "items": [] }));
    super::expect_bearer_error(&super::userinfo(&world.app, &tokens.access).await, 401, "invalid_token");
    super::expect_invalid_client(&refresh(&world.app, &world.client, tokens.refresh()).await);
    authorize(&mut browser, &world.client.request()).await.expect_refused();
    // A new client with the same id inherits nothing.
    let body = world.client.settings.clone();
    let call = world.app.post("/admin/clients").bearer(&world.admin().await).json(&body);
    let created = call.send().await.expect_status(201).json();
    let heir = super::Client {
        secret: created["client_secret"].as_str().map(str::to_owned),
        ..world.client.clone()
    };
    super::expect_bearer_error(&super::userinfo(&world.app, &tokens.access).await, 401, "invalid_token");
    refresh(&world.app, &heir, tokens.refresh()).await.expect_oauth_error("invalid_grant");
    assert_eq!(authorize(&mut browser, &silent(&world, "openid")).await.error(), "consent_required");
}
