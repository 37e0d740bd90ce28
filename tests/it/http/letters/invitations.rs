//! Invitations, and who may register.

use std::sync::Arc;

use inwren_domain::account::{EmailVerification, RegistrationMode};
use inwren_domain::store::Store;
use inwren_tests::app::{Account, ISSUER, PASSWORD, Reply, TestApp};
use serde_json::{Value, json};
use time::Duration;

use super::{CHOSEN, app, expect_invalid_link, letter, link, logs_in, outbox, refuses_login};

stories! {
    invitation_lets_the_user_choose_the_password
    invitation_without_mail_returns_the_link
    weak_password_spends_no_invitation
    invitations_expire_after_seven_days
    invitation_checks_address_and_tier
    inviting_superusers_needs_a_recent_login
    closed_registration_refuses_all_addresses_alike
}

const ACCEPT: &str = "/auth/invitations/accept";

async fn invite(app: &TestApp, boss: &Account, body: Value) -> Reply {
    app.post("/admin/users").bearer(&boss.tokens.access).json(&body).send().await
}

async fn accept(app: &TestApp, token: &str, password: &str) -> Reply {
    app.post(ACCEPT).json(&json!({ "token": token, "password": password })).send().await
}

fn with_mail(store: Arc<dyn Store>) -> TestApp {
    app(store, EmailVerification::Off)
}

async fn invitation_lets_the_user_choose_the_password(store: Arc<dyn Store>) {
    let app = with_mail(store);
    let boss = app.superuser().await;
    let body = json!({ "email": "Ann@example.org", "tier": "enterprise", "is_superuser": true });
    let reply = invite(&app, &boss, body).await.expect_status(201);
    let invited = reply.json();
    let id = invited["user"]["id"].as_str().unwrap();
    assert_eq!(reply.header("location"), Some(format!("/admin/users/{id}").as_str()));
    let user = app.get(&format!("/admin/users/{id}")).bearer(&boss.tokens.access).send().await;
    assert_eq!(user.expect_status(200).json(), invited["user"]);
    assert_eq!(
        (&invited["user"]["tier"], &invited["user"]["is_superuser"]),
        (&json!("enterprise"), &json!(true))
    );
    assert_eq!(invited["user"]["email_verified"], false);
    assert_eq!(invited["invitation"], json!({ "expires_at": "2030-03-24T17:46:40.123457Z" }));
    refuses_login(&app, "ann@example.org").await;
    let token = link(&app, "ann@example.org", "invitation").await;
    accept(&app, &token, CHOSEN).await.expect_done();
    assert!(logs_in(&app, "ann@example.org", CHOSEN).await);
    letter(&app, "ann@example.org", "invitation_accepted").await;
    expect_invalid_link(&accept(&app, &token, CHOSEN).await);
}

async fn invitation_without_mail_returns_the_link(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    let call =
        app.post("/admin/users").bearer(&boss.tokens.access).header("x-forwarded-host", "evil.example");
    let reply = call.json(&json!({ "email": "ann@example.org" })).send().await.expect_status(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let start = format!("{ISSUER}/account/invite?t=");
    let body = reply.json();
    let token = body["invitation"]["link"].as_str().unwrap().strip_prefix(&start).expect("a link");
    assert_eq!(body["user"]["tier"], "free");
    accept(&app, token, CHOSEN).await.expect_done();
    assert!(logs_in(&app, "ann@example.org", CHOSEN).await);
    assert!(outbox(&app).await.is_empty());
}

async fn weak_password_spends_no_invitation(store: Arc<dyn Store>) {
    let app = with_mail(store);
    let boss = app.superuser().await;
    invite(&app, &boss, json!({ "email": "ann@example.org" })).await.expect_status(201).json();
    let token = link(&app, "ann@example.org", "invitation").await;
    for weak in ["short", "password", "ann@example.org"] {
        accept(&app, &token, weak).await.expect_invalid(&["/password"]);
    }
    accept(&app, &token, CHOSEN).await.expect_done();
}

async fn invitations_expire_after_seven_days(store: Arc<dyn Store>) {
    let app = with_mail(store);
    let boss = app.superuser().await;
    invite(&app, &boss, json!({ "email": "ann@example.org" })).await.expect_status(201).json();
    let token = link(&app, "ann@example.org", "invitation").await;
    app.clock.advance(Duration::days(7) - Duration::SECOND);
    accept(&app, &token, "password").await.expect_invalid(&["/password"]);
    app.clock.advance(Duration::SECOND);
    expect_invalid_link(&accept(&app, &token, CHOSEN).await);
    refuses_login(&app, "ann@example.org").await;
}

async fn invitation_checks_address_and_tier(store: Arc<dyn Store>) {
    let app = with_mail(store);
    let boss = app.superuser().await;
    invite(&app, &boss, json!({ "email": boss.email })).await.expect_problem(409, "email-taken");
    invite(&app, &boss, json!({ "email": "no address" })).await.expect_invalid(&["/email"]);
    invite(&app, &boss, json!({})).await.expect_invalid(&["/email"]);
    let body = json!({ "email": "ann@example.org", "tier": "gold" });
    invite(&app, &boss, body).await.expect_invalid(&["/tier"]);
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    invite(&app, &boss, body).await.expect_invalid(&["/password"]);
    let ann = app.user_fixture().await;
    let body = json!({ "email": "bob@example.org" });
    invite(&app, &ann, body).await.expect_problem(403, "not-permitted");
    assert!(outbox(&app).await.is_empty());
}

async fn inviting_superusers_needs_a_recent_login(store: Arc<dyn Store>) {
    let app = with_mail(store);
    let boss = app.superuser().await;
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    let body = json!({ "email": "ann@example.org", "is_superuser": true });
    invite(&app, &boss, body).await.expect_problem(401, "insufficient-user-authentication");
    let body = json!({ "email": "ann@example.org", "is_superuser": false });
    invite(&app, &boss, body).await.expect_status(201).json();
}

async fn closed_registration_refuses_all_addresses_alike(store: Arc<dyn Store>) {
    for mode in [RegistrationMode::Invited, RegistrationMode::Closed] {
        let app = TestApp::with_mail(store.clone(), |config| config.rules.registration = mode);
        let boss = app.superuser().await;
        for address in [boss.email.as_str(), "new@example.org"] {
            let body = json!({ "email": address, "password": PASSWORD });
            let reply = app.post("/auth/register").json(&body).send().await;
            reply.expect_problem(403, "registration-closed");
        }
        let address = format!("{}@example.org", mode.as_str());
        invite(&app, &boss, json!({ "email": address })).await.expect_status(201).json();
        let token = link(&app, &address, "invitation").await;
        accept(&app, &token, CHOSEN).await.expect_done();
        logs_in(&app, &address, CHOSEN).await;
        let server = app.get("/.well-known/openid-configuration").send().await.json();
        assert_eq!(
            (&server["registration"], &server["mail_configured"]),
            (&json!(mode.as_str()), &json!(true))
        );
    }
}
