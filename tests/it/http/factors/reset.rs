//! Password resets of accounts with a second factor.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, PASSWORD, Reply, TestApp};
use inwren_tests::authenticator::Authenticator;
use inwren_tests::fakes::{kind_in, token_in};
use serde_json::{Value, json};
use time::Duration;

use super::{
    CHOSEN, NO_CODE, app, configured, expect_ended, expect_live, expect_wrong, first_step, letters, log_in,
    member, passkey_user, strong_superuser,
};

stories! {
    reset_asks_for_the_second_factor
    code_completes_the_reset
    recovery_code_completes_the_reset
    passkey_completes_the_reset
    code_for_the_reset_is_spent
    twenty_wrong_codes_void_only_the_link
    weak_password_is_no_attempt
    challenges_of_other_purposes_are_wrong
    link_of_an_administrator_asks_too
    setting_permits_resets_without_the_factor
    account_without_factor_needs_none
    malformed_factors_are_refused
    missing_secret_key_closes_no_method
}

/// Requests a reset, and returns the token of the link.
async fn link(app: &TestApp, email: &str) -> String {
    app.post("/auth/password/forgot").json(&json!({ "email": email })).send().await.expect_status(202).text();
    newest_link(app, email).await
}

async fn newest_link(app: &TestApp, email: &str) -> String {
    let letters = app.letters_to(email).await;
    let newest = letters.iter().rev().find(|letter| kind_in(letter) == "password_reset").expect("a letter");
    token_in(newest).expect("a link").to_owned()
}

async fn reset(app: &TestApp, token: &str, factor: Option<Value>) -> Reply {
    let mut body = json!({ "token": token, "new_password": CHOSEN });
    if let Some(factor) = factor {
        body["factor"] = factor;
    }
    app.post("/auth/password/reset").json(&body).send().await
}

fn by_code(method: &str, code: &str) -> Option<Value> {
    Some(json!({ "method": method, "code": code }))
}

fn by_passkey(challenge: &Value, credential: &Value) -> Option<Value> {
    Some(json!({ "method": "passkey", "challenge": challenge, "credential": credential }))
}

async fn asks(app: &TestApp, token: &str) -> Value {
    reset(app, token, None).await.expect_problem(401, "second-factor-required")
}

async fn reset_asks_for_the_second_factor(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = link(&app, ann.email()).await;
    for _ in 0..25 {
        let asked = asks(&app, &token).await;
        assert_eq!(
            (&asked["methods"], &asked["expires_in"]),
            (&json!(["totp", "recovery_code"]), &json!(300))
        );
        assert!(asked["challenge"].is_string() && asked.get("publicKey").is_none(), "{asked}");
    }
    // Nothing has changed, and the link is not spent.
    expect_live(&app, &ann.account.tokens).await;
    first_step(&app, ann.email()).await;
    reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await.expect_done();
}

async fn code_completes_the_reset(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let other = log_in(&app, &ann).await;
    let token = link(&app, ann.email()).await;
    reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await.expect_done();
    for tokens in [&ann.account.tokens, &other] {
        expect_ended(&app, tokens).await;
    }
    app.try_login(ann.email(), PASSWORD).await.expect_problem(401, "invalid-credentials");
    app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
    assert_eq!(letters(&app, ann.email(), "password_changed").await, 1);
    let again = reset(&app, &token, by_code("recovery_code", &ann.recovery_codes[0])).await;
    again.expect_problem(400, "invalid-action-token");
}

async fn recovery_code_completes_the_reset(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = link(&app, ann.email()).await;
    reset(&app, &token, by_code("recovery_code", &ann.recovery_codes[3])).await.expect_done();
    assert_eq!(letters(&app, ann.email(), "recovery_code_used").await, 1);
    let asked = app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
    let used = super::answer(&app, &asked, "recovery_code", &ann.recovery_codes[3]).await;
    expect_wrong(&used, 4);
}

async fn passkey_completes_the_reset(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let token = link(&app, &ann.email).await;
    let asked = asks(&app, &token).await;
    assert_eq!(asked["publicKey"]["challenge"], asked["challenge"]);
    let forged = device.get(&asked, "https://evil.example.org");
    expect_wrong(&reset(&app, &token, by_passkey(&asked["challenge"], &forged)).await, 19);
    let credential = device.get(&asked, ISSUER);
    reset(&app, &token, by_passkey(&asked["challenge"], &credential)).await.expect_done();
    app.try_login(&ann.email, CHOSEN).await.expect_problem(401, "second-factor-required");
}

async fn code_for_the_reset_is_spent(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = link(&app, ann.email()).await;
    let code = ann.code(&app, 1);
    reset(&app, &token, by_code("totp", &code)).await.expect_done();
    let asked = app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
    expect_wrong(&super::answer(&app, &asked, "totp", &code).await, 4);
}

/// An attacker with the mailbox guesses. The owner, who has the password, must not be locked out by that.
async fn twenty_wrong_codes_void_only_the_link(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    // Three links have 20 attempts each, and then no link has any for a day.
    for _ in 0..3 {
        let token = link(&app, ann.email()).await;
        for attempts_left in (0..20).rev() {
            let method = if attempts_left % 2 == 0 { "totp" } else { "recovery_code" };
            let code = if method == "totp" { ann.wrong_code(&app) } else { NO_CODE.to_owned() };
            expect_wrong(&reset(&app, &token, by_code(method, &code)).await, attempts_left);
        }
        let right = reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await;
        right.expect_problem(400, "invalid-action-token");
        assert_eq!(super::methods(&app, ann.email()).await, ["totp", "recovery_code"]);
    }
    let token = link(&app, ann.email()).await;
    assert_eq!(asks(&app, &token).await["methods"], json!([]));
    let right = reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await;
    expect_wrong(&right, 19);
    assert_eq!(letters(&app, ann.email(), "factor_closed").await, 0);
    // A login with the factor gives the attempts back.
    log_in(&app, &ann).await;
    reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await.expect_done();
}

async fn weak_password_is_no_attempt(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = link(&app, ann.email()).await;
    let factor = json!({ "method": "totp", "code": ann.wrong_code(&app) });
    let body = json!({ "token": token, "new_password": "short", "factor": factor });
    for _ in 0..25 {
        app.post("/auth/password/reset").json(&body).send().await.expect_invalid(&["/new_password"]);
    }
    reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await.expect_done();
}

async fn challenges_of_other_purposes_are_wrong(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let token = link(&app, &ann.email).await;
    let for_login = first_step(&app, &ann.email).await;
    let credential = device.get(&for_login, ISSUER);
    expect_wrong(&reset(&app, &token, by_passkey(&for_login["challenge"], &credential)).await, 19);
    let asked = asks(&app, &token).await;
    let credential = device.get(&asked, ISSUER);
    // The challenge of the reset starts no session.
    let reply = super::answer_by_passkey(&app, &asked, &credential).await;
    super::expect_over(&reply);
    super::expect_over(&super::passkey_login(&app, &credential).await);
    app.clock.advance(Duration::minutes(5));
    expect_wrong(&reset(&app, &token, by_passkey(&asked["challenge"], &credential)).await, 18);
}

async fn link_of_an_administrator_asks_too(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, boss) = strong_superuser(&app).await;
    let ann = member(&app).await;
    let path = format!("/admin/users/{}/password-reset", ann.account.id);
    app.post(&path).bearer(&boss.access).send().await.expect_status(202).text();
    let token = newest_link(&app, ann.email()).await;
    asks(&app, &token).await;
    reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await.expect_done();
}

async fn setting_permits_resets_without_the_factor(store: Arc<dyn Store>) {
    let app = configured(store, |factors| factors.reset_needs_factor = false);
    let ann = member(&app).await;
    let token = link(&app, ann.email()).await;
    reset(&app, &token, None).await.expect_done();
    // The login still asks for it.
    let asked = app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
    super::answer(&app, &asked, "totp", &ann.code(&app, 1)).await.expect_status(200).tokens();
}

async fn account_without_factor_needs_none(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let token = link(&app, &ann.email).await;
    reset(&app, &token, by_code("totp", "123456")).await.expect_done();
    app.try_login(&ann.email, CHOSEN).await.expect_status(200).tokens();
}

async fn malformed_factors_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let token = link(&app, ann.email()).await;
    for factor in [
        json!({}),
        json!("123456"),
        json!({ "method": "totp" }),
        json!({ "method": "sms", "code": "123456" }),
        json!({ "method": "totp", "code": "12345" }),
        json!({ "method": "totp", "code": "123456", "credential": {} }),
        json!({ "method": "passkey", "challenge": "x" }),
        json!({ "method": "totp", "code": "123456", "unknown": 1 }),
    ] {
        reset(&app, &token, Some(factor)).await.expect_problem(422, "validation-failed");
    }
    expect_wrong(&reset(&app, &token, by_code("totp", &ann.wrong_code(&app))).await, 19);
}

/// The attempts of the links count, but not those of the account.
async fn missing_secret_key_closes_no_method(store: Arc<dyn Store>) {
    let app = app(store);
    app.keyring.change_key();
    let ann = member(&app).await;
    app.keyring.forget_key();
    for _ in 0..3 {
        let token = link(&app, ann.email()).await;
        for _ in 0..20 {
            let reply = reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await;
            reply.expect_problem(503, "unavailable");
        }
    }
    app.keyring.change_key();
    let token = link(&app, ann.email()).await;
    assert_eq!(asks(&app, &token).await["methods"], json!(["totp", "recovery_code"]));
    reset(&app, &token, by_code("totp", &ann.code(&app, 1))).await.expect_done();
}
