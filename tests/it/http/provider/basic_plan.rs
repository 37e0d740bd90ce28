//! What the modules of the OpenID Foundation's Basic OP certification plan check, one story each, from the
//! specifications that they name (OpenID Connect Core 1.0 unless a story says otherwise).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, ISSUER, PASSWORD, TestApp, forge};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::Duration;

use super::{
    Granted, Request, World, authorize, encoded, enter_password, exchange, expect_ended,
    expect_invalid_client, expect_live, granted, log_in, login_form, refresh, sign_in, sign_in_again, text,
    token, userinfo, verified, world, world_with,
};

stories! {
    code_flow_yields_a_signed_id_token
    missing_response_type_is_refused
    userinfo_answers_get
    userinfo_answers_post_with_header
    userinfo_answers_post_with_body
    nonce_is_optional
    scope_profile_yields_profile_claims
    scope_email_yields_email_claims
    scope_address_is_accepted
    scope_phone_is_accepted
    all_scopes_are_accepted_together
    order_of_scopes_does_not_matter
    display_page_is_accepted
    display_popup_is_accepted
    prompt_login_authenticates_again
    prompt_none_without_session_is_refused
    prompt_none_with_session_yields_a_code
    max_age_1_authenticates_again
    max_age_10000_keeps_the_session
    unknown_parameter_is_ignored
    id_token_hint_of_the_user_is_accepted
    login_hint_fills_the_form
    ui_locales_choose_the_language
    claims_locales_are_accepted
    acr_values_are_accepted
    code_reuse_revokes_the_tokens
    code_reuse_after_30_seconds_revokes_the_tokens
    unregistered_redirect_uri_shows_a_page
    authorization_request_by_post_succeeds
    client_secret_post_authenticates
    unsigned_request_object_is_refused
    essential_claims_are_accepted
    request_object_changes_no_redirect_uri
    refresh_token_yields_new_tokens
    pkce_protects_the_code
    query_of_the_redirect_uri_is_kept
    other_query_of_the_redirect_uri_is_refused
    missing_redirect_uri_shows_a_page
}

const SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

async fn wide(store: Arc<dyn Store>) -> World {
    world_with(store, json!({ "scopes": SCOPES })).await
}

/// Logs in with one more parameter.
async fn signed_in_with(world: &World, name: &str, value: &str) -> Granted {
    let request = world.client.request().with(name, value);
    sign_in(&world.app, &mut Browser::new(&world.app), &world.ann, &request).await
}

async fn claims_of(app: &TestApp, tokens: &Granted) -> Value {
    let reply = userinfo(app, &tokens.access).await.expect_status(200);
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
    reply.json()
}

async fn code_flow_yields_a_signed_id_token(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let mut browser = Browser::new(app);
    let tokens = sign_in(app, &mut browser, ann, &request).await;
    let (header, claims) = verified(app, tokens.id()).await;
    assert_eq!(header["alg"], "RS256");
    let now = app.clock_seconds();
    for (name, expected) in [
        ("iss", json!(ISSUER)),
        ("sub", json!(ann.id)),
        ("aud", json!(client.id)),
        ("iat", json!(now)),
        ("exp", json!(now + 600)),
        ("auth_time", json!(now)),
        ("nonce", json!(request.value("nonce"))),
        ("acr", json!("aal1")),
        ("amr", json!(["pwd"])),
        ("at_hash", json!(forge::encode(&Sha256::digest(&tokens.access)[..16]))),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    assert!(claims["sid"].is_string() && claims.get("email").is_none(), "{claims}");
    let (header, claims) = verified(app, &tokens.access).await;
    assert_eq!((&header["typ"], &claims["client_id"]), (&json!("at+jwt"), &json!(client.id)));
    assert_eq!((&claims["scope"], tokens.scope.as_str()), (&json!("openid"), "openid"));
}

async fn missing_response_type_is_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let request = client.request().without("response_type");
    assert_eq!(authorize(&mut Browser::new(app), &request).await.error(), "invalid_request");
}

async fn userinfo_answers_get(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    assert_eq!(claims_of(&world.app, &tokens).await, json!({ "sub": world.ann.id }));
}

async fn userinfo_answers_post_with_header(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    let call = world.app.post("/oauth/userinfo").bearer(&tokens.access);
    assert_eq!(call.send().await.expect_status(200).json(), json!({ "sub": world.ann.id }));
}

async fn userinfo_answers_post_with_body(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    let call = world.app.post("/oauth/userinfo").form(&[("access_token", &tokens.access)]);
    assert_eq!(call.send().await.expect_status(200).json(), json!({ "sub": world.ann.id }));
    // The query is no place for a token (RFC 9700 section 4.3.2).
    let path = format!("/oauth/userinfo?access_token={}", tokens.access);
    assert_eq!(world.app.get(&path).send().await.status, 401);
}

async fn nonce_is_optional(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request().without("nonce");
    let tokens = sign_in(app, &mut Browser::new(app), ann, &request).await;
    assert!(tokens.claims().get("nonce").is_none());
}

async fn scope_profile_yields_profile_claims(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let tokens = signed_in_with(&world, "scope", "openid profile").await;
    let claims = claims_of(&world.app, &tokens).await;
    assert_eq!(
        (&claims["sub"], &claims["preferred_username"]),
        (&json!(world.ann.id), &json!(world.ann.email))
    );
    assert_eq!(claims["tier"], "free");
    assert!(claims["updated_at"].is_i64() && claims.get("email").is_none(), "{claims}");
    assert!(tokens.claims().get("preferred_username").is_none());
}

async fn scope_email_yields_email_claims(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let tokens = signed_in_with(&world, "scope", "openid email").await;
    let expected = json!({ "sub": world.ann.id, "email": world.ann.email, "email_verified": false });
    assert_eq!(claims_of(&world.app, &tokens).await, expected);
}

async fn scope_address_is_accepted(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let tokens = signed_in_with(&world, "scope", "openid address").await;
    assert_eq!(claims_of(&world.app, &tokens).await, json!({ "sub": world.ann.id }));
}

async fn scope_phone_is_accepted(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let tokens = signed_in_with(&world, "scope", "openid phone").await;
    assert_eq!(claims_of(&world.app, &tokens).await, json!({ "sub": world.ann.id }));
}

async fn all_scopes_are_accepted_together(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let tokens = signed_in_with(&world, "scope", "openid profile email address phone").await;
    let claims = claims_of(&world.app, &tokens).await;
    assert_eq!((&claims["email"], &claims["tier"]), (&json!(world.ann.email), &json!("free")));
}

async fn order_of_scopes_does_not_matter(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let tokens = signed_in_with(&world, "scope", "email openid").await;
    assert_eq!(tokens.claims()["sub"], world.ann.id);
    assert_eq!(claims_of(&world.app, &tokens).await["email"], world.ann.email);
}

async fn display_page_is_accepted(store: Arc<dyn Store>) {
    signed_in_with(&world(store).await, "display", "page").await;
}

async fn display_popup_is_accepted(store: Arc<dyn Store>) {
    signed_in_with(&world(store).await, "display", "popup").await;
}

async fn prompt_login_authenticates_again(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    world.app.clock.advance(Duration::seconds(2));
    let request = world.client.request().with("prompt", "login");
    let after = sign_in(&world.app, &mut browser, &world.ann, &request).await;
    let (before, after) = (before.claims(), after.claims());
    assert_eq!(after["sub"], before["sub"]);
    assert_eq!(after["auth_time"].as_i64(), before["auth_time"].as_i64().map(|time| time + 2));
}

async fn prompt_none_without_session_is_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let request = client.request().with("prompt", "none");
    assert_eq!(authorize(&mut Browser::new(app), &request).await.error(), "login_required");
}

async fn prompt_none_with_session_yields_a_code(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    world.app.clock.advance(Duration::seconds(2));
    let request = world.client.request().with("prompt", "none");
    let after = sign_in_again(&world.app, &mut browser, &request).await;
    let (before, after) = (before.claims(), after.claims());
    assert_eq!((&after["sub"], &after["auth_time"]), (&before["sub"], &before["auth_time"]));
}

async fn max_age_1_authenticates_again(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    world.app.clock.advance(Duration::seconds(2));
    let request = world.client.request().with("max_age", "1");
    let after = sign_in(&world.app, &mut browser, &world.ann, &request).await;
    assert_ne!(after.claims()["auth_time"], before.claims()["auth_time"]);
}

async fn max_age_10000_keeps_the_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    world.app.clock.advance(Duration::seconds(9_000));
    let request = world.client.request().with("max_age", "10000");
    let after = sign_in_again(&world.app, &mut browser, &request).await;
    assert_eq!(after.claims()["auth_time"], before.claims()["auth_time"]);
}

async fn unknown_parameter_is_ignored(store: Arc<dyn Store>) {
    signed_in_with(&world(store).await, "extra", "foobar").await;
}

async fn id_token_hint_of_the_user_is_accepted(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, before) = world.signed_in().await;
    // A hint stays valid after its token has expired (section 3.1.2.1).
    world.app.clock.advance(Duration::minutes(11));
    let request = world.client.request().with("prompt", "none").with("id_token_hint", before.id());
    let after = sign_in_again(&world.app, &mut browser, &request).await;
    assert_eq!(after.claims()["sub"], before.claims()["sub"]);
}

async fn login_hint_fills_the_form(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request().with("login_hint", &ann.email);
    let mut browser = Browser::new(app);
    let page = authorize(&mut browser, &request).await.page();
    assert_eq!(
        login_form(&page).field_of("email").map(|field| field.value.as_str()),
        Some(ann.email.as_str())
    );
    request.outcome(enter_password(&mut browser, &page, &ann.email, PASSWORD).await).code();
}

async fn ui_locales_choose_the_language(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    for (locales, language) in [("se", "en"), ("se de", "de"), ("de-AT en", "de"), ("en de", "en")] {
        let request = client.request().with("ui_locales", locales);
        let page = authorize(&mut Browser::new(app), &request).await.page();
        assert!(page.text().contains(&format!("<html lang=\"{language}\"")), "{locales}: {page}");
    }
    // The language of the browser is the default.
    let mut browser = Browser::new(app).with_language("de");
    let page = authorize(&mut browser, &client.request()).await.page();
    assert!(page.text().contains("<html lang=\"de\""), "{page}");
}

async fn claims_locales_are_accepted(store: Arc<dyn Store>) {
    signed_in_with(&world(store).await, "claims_locales", "se").await;
}

async fn acr_values_are_accepted(store: Arc<dyn Store>) {
    let tokens = signed_in_with(&world(store).await, "acr_values", "1 2").await;
    assert_eq!(tokens.claims()["acr"], "aal1");
}

/// Presents a code a second time after this delay.
async fn reuse_code(store: Arc<dyn Store>, delay: Duration) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let tokens = granted(exchange(app, &request, &code).await);
    app.clock.advance(delay);
    let tokens = expect_live(app, client, &tokens).await;
    exchange(app, &request, &code).await.expect_oauth_error("invalid_grant");
    expect_ended(app, client, &tokens).await;
}

async fn code_reuse_revokes_the_tokens(store: Arc<dyn Store>) {
    reuse_code(store, Duration::ZERO).await;
}

async fn code_reuse_after_30_seconds_revokes_the_tokens(store: Arc<dyn Store>) {
    reuse_code(store, Duration::seconds(30)).await;
}

async fn unregistered_redirect_uri_shows_a_page(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let request = client.request().with("redirect_uri", "https://unregistered.example/callback");
    authorize(&mut Browser::new(app), &request).await.expect_refused();
}

async fn authorization_request_by_post_succeeds(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let mut browser = Browser::new(app);
    let page = browser.post_from("https://app.example", "/oauth/authorize", &request.parameters).await;
    let page = request.outcome(page).page();
    let code = request.outcome(enter_password(&mut browser, &page, &ann.email, PASSWORD).await);
    granted(exchange(app, &request, &code.code()).await);
}

async fn client_secret_post_authenticates(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } =
        &world_with(store, json!({ "auth_method": "client_secret_post" })).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    // The client authenticates by its own method only.
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &client.redirect_uri),
        ("code_verifier", &request.verifier),
    ];
    let secret = client.secret.as_deref().expect("a secret");
    expect_invalid_client(&app.post("/oauth/token").basic(&client.id, secret).form(&fields).send().await);
    granted(exchange(app, &request, &code).await);
}

/// An unsigned request object (section 6.1).
fn request_object(client: &str, redirect_uri: &str) -> String {
    let claims = json!({ "iss": client, "aud": ISSUER, "client_id": client, "redirect_uri": redirect_uri });
    forge::assemble(r#"{"alg":"none"}"#, claims.to_string(), |_| Vec::new())
}

async fn unsigned_request_object_is_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let object = request_object(&client.id, &client.redirect_uri);
    let mut browser = Browser::new(app);
    let request = client.request().with("request", &object);
    assert_eq!(authorize(&mut browser, &request).await.error(), "request_not_supported");
    let request = client.request().with("request_uri", "https://app.example/request.jwt");
    assert_eq!(authorize(&mut browser, &request).await.error(), "request_uri_not_supported");
}

async fn essential_claims_are_accepted(store: Arc<dyn Store>) {
    let world = wide(store).await;
    let claims = json!({
        "userinfo": { "name": { "essential": true }, "email": null },
        "id_token": { "email": { "essential": true }, "nickname": null, "auth_time": { "essential": true } },
    });
    let request = world.client.request().with("scope", "openid email").with("claims", &claims.to_string());
    let tokens = sign_in(&world.app, &mut Browser::new(&world.app), &world.ann, &request).await;
    assert_eq!(tokens.claims()["email"], world.ann.email);
    assert!(tokens.claims().get("nickname").is_none());
    assert_eq!(claims_of(&world.app, &tokens).await["email"], world.ann.email);
}

async fn request_object_changes_no_redirect_uri(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let object = request_object(&client.id, "https://evil.example/callback");
    let request = client.request().with("request", &object);
    assert_eq!(authorize(&mut Browser::new(app), &request).await.error(), "request_not_supported");
    let request = request.with("redirect_uri", "https://evil.example/callback");
    authorize(&mut Browser::new(app), &request).await.expect_refused();
}

async fn refresh_token_yields_new_tokens(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, before) = world.signed_in_with("openid offline_access").await;
    world.app.clock.advance(Duration::minutes(5));
    let after = granted(refresh(&world.app, &world.client, before.refresh()).await);
    assert!(after.access != before.access && after.refresh != before.refresh);
    userinfo(&world.app, &after.access).await.expect_status(200).json();
    // Section 12.2.
    let (first, next) = (before.claims(), after.claims());
    for name in ["iss", "sub", "aud", "sid", "auth_time"] {
        assert_eq!(next[name], first[name], "{name}");
    }
    assert_eq!(next["iat"], world.app.clock_seconds());
    verified(&world.app, after.id()).await;
}

async fn pkce_protects_the_code(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let mut browser = Browser::new(app);
    let code = log_in(&mut browser, ann, &request).await.code();
    let other = Request { verifier: "x".repeat(43), ..request.clone() };
    exchange(app, &other, &code).await.expect_oauth_error("invalid_grant");
    granted(exchange(app, &request, &code).await);
}

async fn query_of_the_redirect_uri_is_kept(store: Arc<dyn Store>) {
    let uri = "https://query.example/callback?foo=bar";
    let World { app, ann, client, .. } = &world_with(store, json!({ "redirect_uris": [uri] })).await;
    let request = client.request();
    let mut browser = Browser::new(app);
    let page = authorize(&mut browser, &request).await.page();
    let reply = enter_password(&mut browser, &page, &ann.email, PASSWORD).await;
    let location = text(&json!(reply.header("location")));
    assert!(location.starts_with(&format!("{uri}&")), "{location}");
    assert!(location.contains(&format!("iss={}", encoded(ISSUER))), "{location}");
    granted(exchange(app, &request, &request.outcome(reply).code()).await);
}

async fn other_query_of_the_redirect_uri_is_refused(store: Arc<dyn Store>) {
    let uri = "https://query.example/callback?foo=bar";
    let World { app, client, .. } = &world_with(store, json!({ "redirect_uris": [uri] })).await;
    for other in
        ["https://query.example/callback?foo=baz", "https://query.example/callback", &format!("{uri}&a=b")]
    {
        let request = client.request().with("redirect_uri", other);
        authorize(&mut Browser::new(app), &request).await.expect_refused();
    }
}

async fn missing_redirect_uri_shows_a_page(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let request = client.request().without("redirect_uri");
    let mut browser = Browser::new(app);
    authorize(&mut browser, &request).await.expect_refused();
    let page = browser.open(&client.request().with("redirect_uri", "").path()).await.expect_status(400);
    assert!(Form::all(&page).is_empty(), "{page}");
    // The exchange names the redirect URI again.
    let fields = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", &request.verifier)];
    token(app, client, &fields).await.expect_oauth_error("invalid_request");
}
