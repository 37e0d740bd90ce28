//! Trusted devices may leave out the second step for a while.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp, Tokens};
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};
use time::Duration;

use super::{
    CHOSEN, Member, assurance, change_password, configured, enrol_passkey, expect_step_up, first_step,
    log_in, member, remove, replace_recovery_codes, second_step, strong_superuser, text,
};

stories! {
    trusted_device_leaves_out_the_second_step
    trust_is_given_only_on_request
    trust_ends_after_its_time
    change_of_password_or_factor_ends_the_trust
    administrator_ends_the_trust
    end_of_all_sessions_ends_the_trust
    loss_of_rights_ends_the_trust
    shorter_lifetime_shortens_the_trust
    token_of_another_user_is_ignored
    trusted_session_permits_no_sensitive_change
    disabled_devices_are_not_trusted
    malformed_tokens_are_refused
}

fn app(store: Arc<dyn Store>) -> TestApp {
    configured(store, |factors| factors.trusted_device_lifetime = Duration::days(30))
}

/// Logs in with the next code, and asks to trust the device.
async fn log_in_and_remember(app: &TestApp, ann: &Member) -> Reply {
    app.clock.advance(super::STEP);
    let asked = first_step(app, ann.email()).await;
    let body = json!({
        "challenge": asked["challenge"], "method": "totp", "code": ann.code(app, 0), "remember_device": true,
    });
    second_step(app, &body).await.expect_status(200)
}

/// The token of a new trusted device.
async fn device(app: &TestApp, ann: &Member) -> String {
    text(&log_in_and_remember(app, ann).await.json()["device_token"])
}

async fn try_device(app: &TestApp, email: &str, password: &str, token: &str) -> Reply {
    let body = json!({ "email": email, "password": password, "device_token": token });
    app.post("/auth/login").json(&body).send().await
}

async fn expect_untrusted(app: &TestApp, email: &str, password: &str, token: &str) {
    try_device(app, email, password, token).await.expect_problem(401, "second-factor-required");
}

async fn trusted_device_leaves_out_the_second_step(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let reply = log_in_and_remember(&app, &ann).await;
    assert_eq!(assurance(&reply.tokens()).0, "aal2");
    let token = text(&reply.json()["device_token"]);
    for _ in 0..2 {
        let reply = try_device(&app, ann.email(), PASSWORD, &token).await.expect_status(200);
        assert_eq!(reply.json().get("device_token"), None, "{reply}");
        assert_eq!(assurance(&reply.tokens()), (json!("aal1"), json!(["pwd"])));
    }
    // The password is still needed, and other devices still show the factor.
    let wrong = try_device(&app, ann.email(), "wrong password", &token).await;
    wrong.expect_problem(401, "invalid-credentials");
    first_step(&app, ann.email()).await;
    // The password grant takes no device.
    let form = [("username", ann.email()), ("password", PASSWORD), ("device_token", token.as_str())];
    app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
}

async fn trust_is_given_only_on_request(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for remember in [json!(false), json!(null)] {
        app.clock.advance(super::STEP);
        let asked = first_step(&app, ann.email()).await;
        let mut body =
            json!({ "challenge": asked["challenge"], "method": "totp", "code": ann.code(&app, 0) });
        if !remember.is_null() {
            body["remember_device"] = remember;
        }
        let reply = second_step(&app, &body).await.expect_status(200);
        assert_eq!(reply.json().get("device_token"), None, "{reply}");
    }
}

async fn trust_ends_after_its_time(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = device(&app, &ann).await;
    app.clock.advance(Duration::days(30) - Duration::SECOND);
    try_device(&app, ann.email(), PASSWORD, &token).await.expect_status(200).tokens();
    // A use does not prolong the trust.
    app.clock.advance(Duration::SECOND);
    expect_untrusted(&app, ann.email(), PASSWORD, &token).await;
}

async fn change_of_password_or_factor_ends_the_trust(store: Arc<dyn Store>) {
    let app = app(store);
    for what in ["password", "codes", "passkey"] {
        let ann = member(&app).await;
        let token = device(&app, &ann).await;
        let strong: Tokens = log_in(&app, &ann).await;
        let mut password = PASSWORD;
        match what {
            "password" => {
                change_password(&app, &strong).await.expect_status(200).tokens();
                password = CHOSEN;
            }
            "codes" => {
                replace_recovery_codes(&app, &strong).await.expect_status(200).json();
            }
            _ => {
                enrol_passkey(&app, &strong, &mut Authenticator::new()).await;
            }
        }
        expect_untrusted(&app, ann.email(), password, &token).await;
    }
    // Without factors the token means nothing, and with new ones it is not revived.
    let bob = member(&app).await;
    let token = device(&app, &bob).await;
    remove(&app, &log_in(&app, &bob).await, &bob.factor).await.expect_done();
    let tokens = try_device(&app, bob.email(), PASSWORD, &token).await.expect_status(200).tokens();
    let bob = super::enrol_totp(&app, inwren_tests::app::Account { tokens, ..bob.account }).await;
    expect_untrusted(&app, bob.email(), PASSWORD, &token).await;
}

async fn administrator_ends_the_trust(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, boss) = strong_superuser(&app).await;
    let ann = member(&app).await;
    let token = device(&app, &ann).await;
    let path = format!("/admin/users/{}/factors", ann.account.id);
    let call = app.delete(&path).bearer(&boss.access).json(&json!({ "reason": "Phone stolen" }));
    call.send().await.expect_done();
    let tokens = app.login(ann.email()).await;
    let ann = super::enrol_totp(&app, inwren_tests::app::Account { tokens, ..ann.account }).await;
    expect_untrusted(&app, ann.email(), PASSWORD, &token).await;
}

async fn end_of_all_sessions_ends_the_trust(store: Arc<dyn Store>) {
    let app = app(store);
    let boss = app.superuser().await;
    for by_boss in [false, true] {
        let ann = member(&app).await;
        let reply = log_in_and_remember(&app, &ann).await;
        let (tokens, token) = (reply.tokens(), text(&reply.json()["device_token"]));
        let path = format!("/admin/users/{}/sessions", ann.account.id);
        let (path, caller) =
            if by_boss { (path.as_str(), &boss.tokens) } else { ("/users/me/sessions", &tokens) };
        app.delete(path).bearer(&caller.access).send().await.expect_done();
        expect_untrusted(&app, ann.email(), PASSWORD, &token).await;
    }
}

async fn loss_of_rights_ends_the_trust(store: Arc<dyn Store>) {
    let app = app(store);
    let boss = app.superuser().await;
    let change = async |id: &str, body: Value| {
        let call = app.put(&format!("/admin/users/{id}")).bearer(&boss.tokens.access).json(&body);
        call.send().await.expect_status(200).json();
    };
    for what in ["deactivated", "deactivated by itself", "demoted"] {
        let (ann, _) = strong_superuser(&app).await;
        let reply = log_in_and_remember(&app, &ann).await;
        let (tokens, token) = (reply.tokens(), text(&reply.json()["device_token"]));
        let id = ann.account.id.as_str();
        match what {
            "deactivated" => change(id, json!({ "is_active": false })).await,
            "demoted" => change(id, json!({ "is_superuser": false })).await,
            _ => app.delete("/users/me").bearer(&tokens.access).send().await.expect_done(),
        }
        if what != "demoted" {
            change(id, json!({ "is_active": true })).await;
        }
        expect_untrusted(&app, ann.email(), PASSWORD, &token).await;
    }
}

/// The operator shortens the lifetime: devices that were trusted before are trusted no longer than new ones.
async fn shorter_lifetime_shortens_the_trust(store: Arc<dyn Store>) {
    let long = app(store.clone());
    let short = configured(store, |factors| factors.trusted_device_lifetime = Duration::DAY);
    let ann = member(&long).await;
    let token = device(&long, &ann).await;
    short.clock.advance(super::STEP + Duration::DAY - Duration::SECOND);
    try_device(&short, ann.email(), PASSWORD, &token).await.expect_status(200).tokens();
    short.clock.advance(Duration::SECOND);
    expect_untrusted(&short, ann.email(), PASSWORD, &token).await;
    // A longer one prolongs nothing.
    let bob = member(&short).await;
    let brief = device(&short, &bob).await;
    long.clock.advance(Duration::DAY + super::STEP);
    try_device(&long, ann.email(), PASSWORD, &token).await.expect_status(200).tokens();
    try_device(&long, bob.email(), PASSWORD, &brief).await.expect_status(200).tokens();
    long.clock.advance(Duration::DAY);
    expect_untrusted(&long, bob.email(), PASSWORD, &brief).await;
}

async fn token_of_another_user_is_ignored(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob, cid) = (member(&app).await, member(&app).await, app.user_fixture().await);
    let token = device(&app, &ann).await;
    for wrong in [token.as_str(), "x", &"A".repeat(100)] {
        expect_untrusted(&app, bob.email(), PASSWORD, wrong).await;
        try_device(&app, &cid.email, PASSWORD, wrong).await.expect_status(200).tokens();
    }
    try_device(&app, ann.email(), PASSWORD, &token).await.expect_status(200).tokens();
}

async fn trusted_session_permits_no_sensitive_change(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = device(&app, &ann).await;
    let tokens = try_device(&app, ann.email(), PASSWORD, &token).await.expect_status(200).tokens();
    expect_step_up(&remove(&app, &tokens, &ann.factor).await, "aal2");
    expect_step_up(&change_password(&app, &tokens).await, "aal2");
    expect_step_up(&replace_recovery_codes(&app, &tokens).await, "aal2");
}

async fn disabled_devices_are_not_trusted(store: Arc<dyn Store>) {
    let enabled = app(store.clone());
    let ann = member(&enabled).await;
    let token = device(&enabled, &ann).await;
    let disabled = configured(store, |factors| factors.trusted_device_lifetime = Duration::ZERO);
    disabled.clock.advance(super::STEP * 2);
    // What was trusted before the operator turned the devices off is trusted no longer.
    expect_untrusted(&disabled, ann.email(), PASSWORD, &token).await;
    let bob = member(&disabled).await;
    let reply = log_in_and_remember(&disabled, &bob).await;
    assert_eq!(reply.json().get("device_token"), None, "{reply}");
}

async fn malformed_tokens_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for token in [json!(""), json!("x".repeat(101)), json!(1)] {
        let body = json!({ "email": ann.email(), "password": PASSWORD, "device_token": token });
        app.post("/auth/login").json(&body).send().await.expect_invalid(&["/device_token"]);
    }
}
