//! Logout tokens: every end of a session announces itself to the application, which cannot mistake the token for
//! another one (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.5).

use std::sync::Arc;

use inwren_domain::account::EmailVerification;
use inwren_domain::audit::{AuditEventKind, AuditFilter};
use inwren_domain::housekeeping::sweep_ended_sessions;
use inwren_domain::outbound::OutboundError;
use inwren_domain::outbox::LetterKind;
use inwren_domain::outbox::deliver::Outcome;
use inwren_domain::store::Store;
use inwren_tests::app::{Browser, ISSUER, PASSWORD, TestApp, forge};
use inwren_tests::fakes::Post;
use inwren_tests::fixtures::audit_events;
use serde_json::{Value, json};
use time::Duration;

use super::sign_up::newest_token;
use super::{
    Granted, World, authorize, change_client, change_user, consent, create_client, exchange,
    expect_bearer_error, granted, log_in, refresh, sign_in, sign_in_again, userinfo, verified, world_in,
    world_with,
};

stories! {
    token_has_the_claims_of_the_standard
    logout_token_is_no_other_token
    every_application_of_the_browser_is_notified
    every_end_of_a_session_is_announced
    withdrawn_consent_is_announced
    offline_session_is_announced_once
    expired_sessions_are_not_announced
    failed_delivery_is_repeated_with_a_new_token
    undelivered_token_is_recorded
    client_without_uri_gets_none
    disabled_client_gets_none
    another_login_of_the_user_announces_nothing
}

/// The settings of an application that wants logout tokens.
pub(super) fn logout_uri() -> Value {
    json!({ "backchannel_logout_uri": URI })
}

const URI: &str = "https://app.example/backchannel";

/// Delivers what is due, and returns all logout tokens that were ever sent, oldest first.
pub(super) async fn delivered(world: &World) -> Vec<String> {
    world.app.deliver_letters().await;
    sent(world)
}

fn sent(world: &World) -> Vec<String> {
    let token = |post: Post| {
        assert_eq!((post.url.as_str(), post.fields.len()), (URI, 1));
        post.field("logout_token").expect("a logout token").to_owned()
    };
    world.app.outbound.posts().into_iter().map(token).collect()
}

/// The sessions in logout tokens.
fn sessions(tokens: &[String]) -> Vec<Value> {
    tokens.iter().map(|token| forge::open(token).1["sid"].clone()).collect()
}

/// Ends the browser session on the page.
async fn log_out(browser: &mut Browser<'_>) {
    let page = browser.open("/oauth/logout").await.expect_status(200);
    let _ = browser.submit(&page, "/logout", &[]).await.expect_status(200);
}

async fn token_has_the_claims_of_the_standard(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let (mut browser, tokens) = world.signed_in().await;
    log_out(&mut browser).await;
    let sent = delivered(&world).await;
    let (header, claims) = verified(&world.app, &sent[0]).await;
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("RS256")));
    let now = world.app.clock_seconds();
    for (name, expected) in [
        ("iss", json!(ISSUER)),
        ("aud", json!(world.client.id)),
        ("sub", json!(world.ann.id)),
        ("sid", tokens.claims()["sid"].clone()),
        ("iat", json!(now)),
        ("exp", json!(now + 120)),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    assert!(claims["jti"].is_string() && claims.get("nonce").is_none(), "{claims}");
    assert!(claims.get("auth_time").is_none() && claims.get("email").is_none(), "{claims}");
}

async fn logout_token_is_no_other_token(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let World { app, client, .. } = &world;
    let (mut browser, _) = world.signed_in().await;
    log_out(&mut browser).await;
    let sent = delivered(&world).await;
    let token = sent[0].as_str();
    expect_bearer_error(&userinfo(app, token).await, 401, "invalid_token");
    app.me(token).await.expect_invalid_token();
    app.try_refresh(token).await.expect_invalid_token();
    refresh(app, client, token).await.expect_oauth_error("invalid_grant");
    let request = client.request().with("id_token_hint", token);
    assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request");
    let reply = browser.open(&format!("/oauth/logout?id_token_hint={token}")).await;
    assert_eq!(reply.status, 400, "{reply}");
    let admin = world.admin().await;
    let found = app.post("/auth/introspect").bearer(&admin).form(&[("token", token)]).send().await;
    assert_eq!(found.expect_status(200).json(), json!({ "active": false }));
}

async fn every_application_of_the_browser_is_notified(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let other = create_client(&world.app, &world.boss, logout_uri()).await;
    let (mut browser, one) = world.signed_in().await;
    let two = sign_in_again(&world.app, &mut browser, &world.client.request()).await;
    let three = sign_in_again(&world.app, &mut browser, &other.request()).await;
    let (_, elsewhere) = world.signed_in().await;
    log_out(&mut browser).await;
    let found = sessions(&delivered(&world).await);
    assert_eq!(found.len(), 3);
    for tokens in [&one, &two, &three] {
        assert!(found.contains(&tokens.claims()["sid"]), "{found:?}");
    }
    super::expect_live(&world.app, &world.client, &elsewhere).await;
    // Each once.
    assert_eq!(delivered(&world).await.len(), 3);
}

/// The ways in which the session of an application ends.
const ENDS: [&str; 10] = [
    "deactivation",
    "deletion of the user",
    "deletion of sessions",
    "password",
    "password reset",
    "reuse",
    "code",
    "own session",
    "other sessions",
    "revoke",
];

async fn end(world: &World, tokens: &Granted, request: &super::Request, code: &str, way: &str) {
    let World { app, ann, client, .. } = world;
    let own = &app.login(&ann.email).await.access;
    match way {
        "deactivation" => change_user(world, ann, json!({ "is_active": false })).await,
        "deletion of the user" => {
            let path = format!("/admin/users/{}", ann.id);
            app.delete(&path).bearer(&world.admin().await).send().await.expect_done();
        }
        "deletion of sessions" => {
            let path = format!("/admin/users/{}/sessions", ann.id);
            app.delete(&path).bearer(&world.admin().await).send().await.expect_done();
        }
        "password" => {
            let body = json!({ "current_password": PASSWORD, "new_password": "even more secure 456" });
            let reply = app.post("/users/me/password").bearer(own).json(&body).send().await;
            assert!(reply.status < 300, "{reply}");
        }
        "password reset" => reset_password(app, &ann.email).await,
        "reuse" => {
            granted(refresh(app, client, tokens.refresh()).await);
            app.clock.advance(Duration::minutes(5));
            refresh(app, client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
        }
        "code" => exchange(app, request, code).await.expect_oauth_error("invalid_grant"),
        "own session" => {
            let path = format!("/users/me/sessions/{}", super::text(&tokens.claims()["sid"]));
            app.delete(&path).bearer(own).send().await.expect_done();
        }
        "other sessions" => {
            let reply = app.delete("/users/me/sessions").bearer(own).send().await;
            assert!(reply.status < 300, "{reply}");
        }
        "revoke" => {
            let form = [("token", tokens.refresh())];
            let _ = app.post("/auth/revoke").form(&form).send().await.expect_status(200);
        }
        _ => panic!("{way}"),
    }
}

/// Sets another password by the link of a letter.
async fn reset_password(app: &TestApp, address: &str) {
    let forgot = app.post("/auth/password/forgot").json(&json!({ "email": address })).send().await;
    assert_eq!(forgot.status, 202, "{forgot}");
    let token = newest_token(app, address, "password_reset").await;
    let body = json!({ "token": token, "new_password": "even more secure 456" });
    app.post("/auth/password/reset").json(&body).send().await.expect_done();
}

async fn every_end_of_a_session_is_announced(store: Arc<dyn Store>) {
    let app = TestApp::with_mail(store, |config| config.rules.email_verification = EmailVerification::Off);
    let mut world = world_in(app, logout_uri()).await;
    for way in ENDS {
        world.ann = world.app.user_fixture().await;
        let before = delivered(&world).await.len();
        let request = world.client.request();
        let code = log_in(&mut Browser::new(&world.app), &world.ann, &request).await.code();
        let tokens = granted(exchange(&world.app, &request, &code).await);
        assert_eq!(delivered(&world).await.len(), before, "{way}");
        end(&world, &tokens, &request, &code, way).await;
        let found = sessions(&delivered(&world).await);
        assert_eq!(found.len(), before + 1, "{way}");
        assert_eq!(found.last(), Some(&tokens.claims()["sid"]), "{way}");
        expect_bearer_error(&userinfo(&world.app, &tokens.access).await, 401, "invalid_token");
    }
}

async fn withdrawn_consent_is_announced(store: Arc<dyn Store>) {
    let settings = json!({ "backchannel_logout_uri": URI, "first_party": false });
    let world = world_with(store, settings).await;
    let World { app, ann, client, .. } = &world;
    let mut browser = Browser::new(app);
    let request = client.request();
    let page = log_in(&mut browser, ann, &request).await.page();
    let code = request.outcome(consent(&mut browser, &page, "allow").await).code();
    let tokens = granted(exchange(app, &request, &code).await);
    let path = format!("/users/me/grants/{}", client.id);
    app.delete(&path).bearer(&ann.tokens.access).send().await.expect_done();
    assert_eq!(sessions(&delivered(&world).await), [tokens.claims()["sid"].clone()]);
}

/// A logout of the browser is announced, although the session of the application outlives it.
async fn offline_session_is_announced_once(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let (mut browser, tokens) = world.signed_in_with("openid offline_access").await;
    log_out(&mut browser).await;
    let sid = tokens.claims()["sid"].clone();
    assert_eq!(sessions(&delivered(&world).await), std::slice::from_ref(&sid));
    let tokens = super::expect_live(&world.app, &world.client, &tokens).await;
    let form = [("token", tokens.refresh())];
    let _ = world.app.post("/auth/revoke").form(&form).send().await.expect_status(200);
    // The application has ended its own session already.
    assert_eq!(sessions(&delivered(&world).await), [sid]);
}

async fn expired_sessions_are_not_announced(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let World { app, client, .. } = &world;
    let (_, tokens) = world.signed_in().await;
    app.clock.advance(Duration::days(31));
    refresh(app, client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
    assert_eq!(delivered(&world).await.len(), 0);
    let core = &app.state.core;
    app.clock.advance(core.settings.retention.ended_sessions);
    // The sessions of the superuser and of the user, the browser session, and that of the application.
    assert_eq!(sweep_ended_sessions(core).await.expect("a sweep"), 4);
    assert_eq!(delivered(&world).await.len(), 0);
}

async fn failed_delivery_is_repeated_with_a_new_token(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let (mut browser, _) = world.signed_in().await;
    log_out(&mut browser).await;
    let outbound = &world.app.outbound;
    for answer in [Err(OutboundError("no route".to_owned())), Ok(500), Ok(302), Ok(400)] {
        outbound.answer(answer);
    }
    for (n, delay) in [1, 10, 60, 600].into_iter().enumerate() {
        let outcomes = world.app.deliver_letters().await;
        assert!(
            matches!(outcomes[..], [Outcome::Postponed(LetterKind::BackchannelLogout, _)]),
            "{n}: {outcomes:?}"
        );
        world.app.clock.advance(Duration::seconds(delay) - Duration::MILLISECOND);
        assert!(world.app.deliver_letters().await.is_empty(), "{n}");
        world.app.clock.advance(Duration::MILLISECOND);
    }
    assert_eq!(world.app.deliver_letters().await, [Outcome::Delivered(LetterKind::BackchannelLogout)]);
    let sent = sent(&world);
    assert_eq!(sent.len(), 5);
    let claims: Vec<Value> = sent.iter().map(|token| forge::open(token).1).collect();
    assert!(claims.iter().all(|one| one["sid"] == claims[0]["sid"]));
    assert!(claims.windows(2).all(|pair| pair[0]["jti"] != pair[1]["jti"]));
    assert_eq!(claims[4]["iat"], world.app.clock_seconds());
    // 204 is a success, too.
    let (mut browser, _) = world.signed_in().await;
    log_out(&mut browser).await;
    outbound.answer(Ok(204));
    assert_eq!(world.app.deliver_letters().await, [Outcome::Delivered(LetterKind::BackchannelLogout)]);
}

async fn undelivered_token_is_recorded(store: Arc<dyn Store>) {
    let world = world_with(store.clone(), logout_uri()).await;
    let (mut browser, _) = world.signed_in().await;
    log_out(&mut browser).await;
    let mut last = Vec::new();
    for _ in 0..20 {
        world.app.outbound.answer(Ok(503));
        last = world.app.deliver_letters().await;
        if matches!(last[..], [Outcome::Died(..)]) {
            break;
        }
        world.app.clock.advance(Duration::hours(24));
    }
    assert!(matches!(last[..], [Outcome::Died(LetterKind::BackchannelLogout, _)]), "{last:?}");
    let events = audit_events(&*store, &AuditFilter::default()).await.expect("events");
    let found = events.iter().filter(|event| event.kind == AuditEventKind::LogoutNotDelivered);
    assert_eq!(found.count(), 1);
    let listed = world.app.get("/admin/outbox?state=dead").bearer(&world.admin().await).send().await;
    assert!(listed.expect_status(200).text().contains("backchannel_logout"));
}

async fn client_without_uri_gets_none(store: Arc<dyn Store>) {
    let world = world_with(store, json!({})).await;
    let (mut browser, _) = world.signed_in().await;
    log_out(&mut browser).await;
    assert_eq!(delivered(&world).await.len(), 0);
}

async fn disabled_client_gets_none(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let (mut browser, _) = world.signed_in().await;
    log_out(&mut browser).await;
    change_client(&world, json!({ "state": "disabled" })).await;
    assert_eq!(delivered(&world).await.len(), 0);
}

async fn another_login_of_the_user_announces_nothing(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let (mut browser, tokens) = world.signed_in().await;
    world.app.clock.advance(Duration::SECOND);
    let again = world.client.request().with("prompt", "login");
    sign_in(&world.app, &mut browser, &world.ann, &again).await;
    assert_eq!(delivered(&world).await.len(), 0);
    super::expect_live(&world.app, &world.client, &tokens).await;
    log_out(&mut browser).await;
    assert_eq!(delivered(&world).await.len(), 2);
}
