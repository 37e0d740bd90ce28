//! Step-up: the user of a session authenticates again (RFC 9470).

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, PASSWORD, Reply, TestApp, Tokens};
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};
use time::Duration;

use super::{
    NO_CODE, STEP, any_passkey, app, assurance, claims, enrol_passkey, events, expect_ended, expect_live,
    expect_over, expect_wrong, first_step, letters, log_in, log_in_by_passkey, member, passkey_user, step_up,
};

stories! {
    code_renews_the_session
    old_tokens_end_and_other_sessions_stay
    password_alone_yields_aal1
    password_and_code_yield_aal2
    recovery_code_is_spent
    passkey_yields_phr
    code_alone_does_not_lift_a_passkey_session
    refused_code_alone_costs_nothing
    options_need_a_passkey
    passkey_challenge_belongs_to_its_session
    wrong_answers_change_nothing
    code_is_accepted_once
    malformed_bodies_are_refused
    changed_credential_ends_the_challenge
}

async fn options(app: &TestApp, tokens: &Tokens) -> Reply {
    app.post("/auth/step-up/options").bearer(&tokens.access).send().await
}

fn by_passkey(credential: &Value) -> Value {
    json!({ "method": "passkey", "credential": credential })
}

async fn code_renews_the_session(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(Duration::minutes(20));
    let before = claims(&ann.account.tokens);
    let body = json!({ "method": "totp", "code": ann.code(&app, 0) });
    let tokens = step_up(&app, &ann.account.tokens, &body).await.expect_status(200).tokens();
    let after = claims(&tokens);
    assert_eq!((&after["sid"], &after["sub"]), (&before["sid"], &before["sub"]));
    assert_eq!(after["auth_time"], app.clock_seconds());
    assert_eq!(assurance(&tokens), (json!("aal2"), json!(["pwd", "otp", "mfa"])));
    assert_eq!(events(&app, &ann.account, AuditEventKind::SteppedUp).await.len(), 1);
    let sessions = app.get("/users/me/sessions").bearer(&tokens.access).send().await.json();
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(sessions["items"][0]["acr"], "aal2");
}

async fn old_tokens_end_and_other_sessions_stay(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let other = log_in(&app, &ann).await;
    let rotated = app.refresh(&ann.account.tokens.refresh).await;
    let body = json!({ "method": "totp", "code": ann.code(&app, 1) });
    let tokens = step_up(&app, &rotated, &body).await.expect_status(200).tokens();
    for old in [&ann.account.tokens, &rotated] {
        expect_ended(&app, old).await;
    }
    expect_live(&app, &tokens).await;
    expect_live(&app, &other).await;
    let refreshed = app.refresh(&tokens.refresh).await;
    assert_eq!(assurance(&refreshed), assurance(&tokens));
    expect_live(&app, &refreshed).await;
}

async fn password_alone_yields_aal1(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, app.user_fixture().await);
    let strong = log_in(&app, &ann).await;
    app.clock.advance(Duration::minutes(20));
    for session in [&strong, &ann.account.tokens, &bob.tokens] {
        let tokens = step_up(&app, session, &json!({ "password": PASSWORD })).await;
        let tokens = tokens.expect_status(200).tokens();
        assert_eq!(assurance(&tokens), (json!("aal1"), json!(["pwd"])));
        assert_eq!(claims(&tokens)["auth_time"], app.clock_seconds());
    }
}

async fn password_and_code_yield_aal2(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &log_in(&app, &ann).await, &mut device).await;
    let session = log_in_by_passkey(&app, &mut device).await;
    app.clock.advance(STEP);
    let body = json!({ "password": PASSWORD, "method": "totp", "code": ann.code(&app, 0) });
    let tokens = step_up(&app, &session, &body).await.expect_status(200).tokens();
    assert_eq!(assurance(&tokens), (json!("aal2"), json!(["pwd", "otp", "mfa"])));
}

async fn recovery_code_is_spent(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let body = json!({ "method": "recovery_code", "code": ann.recovery_codes[0] });
    let tokens = step_up(&app, &ann.account.tokens, &body).await.expect_status(200).tokens();
    assert_eq!(assurance(&tokens).0, "aal2");
    step_up(&app, &tokens, &body).await.expect_problem(401, "invalid-factor");
    assert_eq!(letters(&app, ann.email(), "recovery_code_used").await, 1);
    expect_live(&app, &tokens).await;
}

async fn passkey_yields_phr(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let request = options(&app, &ann.tokens).await.expect_status(200).json();
    let public_key = &request["publicKey"];
    assert_eq!(public_key["userVerification"], "preferred");
    assert_eq!(public_key["allowCredentials"][0]["id"], device.credential_ids()[0].as_str());
    let credential = device.get(&request, ISSUER);
    let tokens = step_up(&app, &ann.tokens, &by_passkey(&credential)).await.expect_status(200).tokens();
    assert_eq!(assurance(&tokens), (json!("phr"), json!(["pwd", "swk", "mfa"])));
    // The answer is spent.
    expect_over(&step_up(&app, &tokens, &by_passkey(&credential)).await);
    expect_live(&app, &tokens).await;
    let late = options(&app, &tokens).await.expect_status(200).json();
    app.clock.advance(Duration::minutes(5));
    expect_over(&step_up(&app, &tokens, &by_passkey(&device.get(&late, ISSUER))).await);
}

async fn code_alone_does_not_lift_a_passkey_session(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &log_in(&app, &ann).await, &mut device).await;
    let session = log_in_by_passkey(&app, &mut device).await;
    app.clock.advance(STEP);
    let body = json!({ "method": "totp", "code": ann.code(&app, 0) });
    step_up(&app, &session, &body).await.expect_problem(401, "insufficient-user-authentication");
    expect_live(&app, &session).await;
    assert_eq!(assurance(&session).0, "phr");
}

/// The code is not even looked at: a session without a password would not get further by it.
async fn refused_code_alone_costs_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &log_in(&app, &ann).await, &mut device).await;
    let session = log_in_by_passkey(&app, &mut device).await;
    app.clock.advance(STEP);
    let (code, recovery_code) = (ann.code(&app, 0), ann.recovery_codes[0].as_str());
    for _ in 0..25 {
        for (method, code) in [("totp", code.as_str()), ("recovery_code", recovery_code)] {
            let body = json!({ "method": method, "code": code });
            let reply = step_up(&app, &session, &body).await;
            reply.expect_problem(401, "insufficient-user-authentication");
        }
    }
    for (method, wrong) in [("totp", ann.wrong_code(&app).as_str()), ("recovery_code", NO_CODE)] {
        let body = json!({ "password": PASSWORD, "method": method, "code": wrong });
        expect_wrong(&step_up(&app, &session, &body).await, 19);
    }
    for (method, code) in [("totp", code.as_str()), ("recovery_code", recovery_code)] {
        let asked = first_step(&app, ann.email()).await;
        super::answer(&app, &asked, method, code).await.expect_status(200).tokens();
    }
    expect_live(&app, &session).await;
}

async fn options_need_a_passkey(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, app.user_fixture().await);
    for tokens in [&ann.account.tokens, &bob.tokens] {
        options(&app, tokens).await.expect_problem(404, "not-found");
    }
}

async fn passkey_challenge_belongs_to_its_session(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let other = log_in_by_passkey(&app, &mut device).await;
    let request = options(&app, &ann.tokens).await.expect_status(200).json();
    let credential = device.get(&request, ISSUER);
    expect_over(&step_up(&app, &other, &by_passkey(&credential)).await);
    // Challenges for logins are none for a step-up, and this one is none for a login.
    for foreign in [any_passkey(&app).await, first_step(&app, &ann.email).await] {
        let answer = by_passkey(&device.get(&foreign, ISSUER));
        expect_over(&step_up(&app, &ann.tokens, &answer).await);
    }
    expect_over(&super::passkey_login(&app, &credential).await);
    let asked = json!({ "challenge": request["publicKey"]["challenge"] });
    expect_over(&super::answer_by_passkey(&app, &asked, &credential).await);
    step_up(&app, &ann.tokens, &by_passkey(&credential)).await.expect_status(200).tokens();
}

async fn wrong_answers_change_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &log_in(&app, &ann).await, &mut device).await;
    app.clock.advance(STEP);
    let tokens = &ann.account.tokens;
    let wrong = json!({ "password": "wrong password" });
    step_up(&app, tokens, &wrong).await.expect_problem(401, "invalid-credentials");
    // With a wrong password, the code is not spent.
    let both = json!({ "password": "wrong password", "method": "totp", "code": ann.code(&app, 0) });
    step_up(&app, tokens, &both).await.expect_problem(401, "invalid-credentials");
    let code = json!({ "method": "totp", "code": ann.wrong_code(&app) });
    expect_wrong(&step_up(&app, tokens, &code).await, 19);
    let code = json!({ "password": PASSWORD, "method": "recovery_code", "code": NO_CODE });
    expect_wrong(&step_up(&app, tokens, &code).await, 19);
    let request = options(&app, tokens).await.expect_status(200).json();
    let credential = device.get(&request, "https://evil.example.org");
    let reply = step_up(&app, tokens, &by_passkey(&credential)).await;
    assert_eq!(reply.expect_problem(401, "invalid-factor").get("attempts_left"), None, "{reply}");
    let foreign = json!({ "method": "totp", "code": "123456" });
    let bob = app.user_fixture().await;
    step_up(&app, &bob.tokens, &foreign).await.expect_problem(401, "invalid-factor");
    expect_live(&app, tokens).await;
    let right = json!({ "method": "totp", "code": ann.code(&app, 0) });
    step_up(&app, tokens, &right).await.expect_status(200).tokens();
}

async fn code_is_accepted_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let body = json!({ "method": "totp", "code": ann.code(&app, 0) });
    step_up(&app, &tokens, &body).await.expect_problem(401, "invalid-factor");
    let next = ann.code(&app, 1);
    let body = json!({ "method": "totp", "code": next });
    step_up(&app, &tokens, &body).await.expect_status(200).tokens();
    let asked = first_step(&app, ann.email()).await;
    expect_wrong(&super::answer(&app, &asked, "totp", &next).await, 4);
}

async fn malformed_bodies_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for body in [
        json!({}),
        json!({ "password": null }),
        json!({ "code": "123456" }),
        json!({ "method": "totp" }),
        json!({ "method": "totp", "code": "12345" }),
        json!({ "method": "totp", "code": "123456", "credential": {} }),
        json!({ "method": "passkey", "code": "123456" }),
        json!({ "method": "passkey" }),
        json!({ "method": "sms", "code": "123456" }),
        json!({ "password": PASSWORD, "challenge": "x" }),
        json!({ "password": PASSWORD, "code": "123456" }),
        json!({ "password": 1 }),
    ] {
        let reply = step_up(&app, &ann.account.tokens, &body).await;
        reply.expect_problem(422, "validation-failed");
    }
    expect_live(&app, &ann.account.tokens).await;
}

async fn changed_credential_ends_the_challenge(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let request = options(&app, &ann.tokens).await.expect_status(200).json();
    let strong = log_in_by_passkey(&app, &mut device).await;
    super::replace_recovery_codes(&app, &strong).await.expect_status(200).json();
    let credential = device.get(&request, ISSUER);
    expect_over(&step_up(&app, &ann.tokens, &by_passkey(&credential)).await);
}
