//! Login with a passkey alone.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, ISSUER, TestApp};
use inwren_tests::authenticator::{Authenticator, Tamper};
use serde_json::{Value, json};
use time::Duration;

use super::{
    RELYING_PARTY, any_passkey, app, assurance, claims, enrol_passkey, expect_over, first_step, log_in,
    log_in_by_passkey, member, passkey_login, passkey_user,
};

stories! {
    options_name_no_account
    passkey_logs_in_alone
    security_key_says_so
    passkey_without_user_verification_is_refused
    answers_of_other_pages_are_refused
    unknown_passkey_looks_like_a_wrong_one
    handle_of_the_user_is_required
    challenge_is_used_once
    challenges_of_other_purposes_are_over
    deactivated_user_is_refused
    malformed_answers_are_refused
}

/// Checks that the answer to new options is refused like a wrong password.
async fn expect_refused(app: &TestApp, device: &mut Authenticator, origin: &str) -> Value {
    let options = any_passkey(app).await;
    let reply = passkey_login(app, &device.get(&options, origin)).await;
    let mut body = reply.expect_problem(401, "invalid-credentials");
    body["request_id"] = Value::Null;
    body
}

async fn options_name_no_account(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let options = any_passkey(&app).await["publicKey"].clone();
    assert_eq!((&options["rpId"], &options["timeout"]), (&json!(RELYING_PARTY), &json!(300_000)));
    assert_eq!(options["userVerification"], "required");
    assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "{options}");
    assert_ne!(any_passkey(&app).await["publicKey"]["challenge"], options["challenge"]);
    app.post("/auth/passkey/options").send().await.expect_status(200).json();
    // An address changes nothing.
    let call = app.post("/auth/passkey/options").json(&json!({ "email": ann.email }));
    let mut named = call.send().await.expect_status(200).json()["publicKey"].clone();
    named["challenge"] = options["challenge"].clone();
    assert_eq!(named, options);
}

async fn passkey_logs_in_alone(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    app.clock.advance(Duration::MINUTE);
    let tokens = log_in_by_passkey(&app, &mut device).await;
    assert_eq!(assurance(&tokens), (json!("phr"), json!(["swk", "mfa"])));
    let found = claims(&tokens);
    assert_eq!((&found["sub"], &found["aud"]), (&json!(ann.id), &json!(AUDIENCE)));
    assert_eq!(found["auth_time"], app.clock_seconds());
    let listed = super::factors(&app, &tokens).await;
    assert_eq!(listed["items"][0]["last_used_at"], "2030-03-17T17:47:40.123457Z");
    let sessions = app.get("/users/me/sessions").bearer(&tokens.access).send().await.json();
    assert_eq!(sessions["items"][0]["acr"], "phr");
}

async fn security_key_says_so(store: Arc<dyn Store>) {
    let app = app(store);
    let mut key = Authenticator::security_key();
    passkey_user(&app, &mut key).await;
    let tokens = log_in_by_passkey(&app, &mut key).await;
    assert_eq!(assurance(&tokens), (json!("phr"), json!(["hwk", "mfa"])));
}

async fn passkey_without_user_verification_is_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    passkey_user(&app, &mut device).await;
    device.verifies_user = false;
    expect_refused(&app, &mut device, ISSUER).await;
    device.verifies_user = true;
    log_in_by_passkey(&app, &mut device).await;
}

async fn answers_of_other_pages_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    passkey_user(&app, &mut device).await;
    for origin in [
        "https://evil.example.org",
        "https://issuer.example.org.evil.example",
        "https://sub.issuer.example.org",
        "http://issuer.example.org",
        "https://issuer.example.org:8443",
    ] {
        expect_refused(&app, &mut device, origin).await;
    }
    let changes: [fn(&mut Value); 2] =
        [|data| data["crossOrigin"] = json!(true), |data| data["type"] = json!("webauthn.create")];
    for change in changes {
        device.tamper = Tamper { client_data: Some(Box::new(change)), ..Tamper::default() };
        expect_refused(&app, &mut device, ISSUER).await;
    }
    device.tamper = Tamper::default();
    log_in_by_passkey(&app, &mut device).await;
}

async fn unknown_passkey_looks_like_a_wrong_one(store: Arc<dyn Store>) {
    let app = app(store);
    let (mut known, mut unknown) = (Authenticator::new(), Authenticator::new());
    passkey_user(&app, &mut known).await;
    // A passkey that was created and never enrolled.
    let bob = app.user_fixture().await;
    let options = super::passkey_options(&app, &bob.tokens).await.expect_status(200).json();
    unknown.create(&options, ISSUER);
    let first = expect_refused(&app, &mut unknown, ISSUER).await;
    let second = expect_refused(&app, &mut known, "https://evil.example.org").await;
    assert_eq!(first, second);
}

async fn handle_of_the_user_is_required(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    passkey_user(&app, &mut device).await;
    let changes: [fn(&mut Value); 3] = [
        |answer| answer["response"]["userHandle"] = Value::Null,
        |answer| {
            answer["response"].as_object_mut().expect("an object").remove("userHandle");
        },
        |answer| answer["response"]["userHandle"] = json!("A".repeat(43)),
    ];
    for change in changes {
        device.tamper = Tamper { answer: Some(Box::new(change)), ..Tamper::default() };
        expect_refused(&app, &mut device, ISSUER).await;
    }
}

async fn challenge_is_used_once(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    passkey_user(&app, &mut device).await;
    let options = any_passkey(&app).await;
    let credential = device.get(&options, ISSUER);
    passkey_login(&app, &credential).await.expect_status(200).tokens();
    expect_over(&passkey_login(&app, &credential).await);
    expect_over(&passkey_login(&app, &device.get(&options, ISSUER)).await);
    let late = any_passkey(&app).await;
    app.clock.advance(Duration::minutes(5));
    expect_over(&passkey_login(&app, &device.get(&late, ISSUER)).await);
}

async fn challenges_of_other_purposes_are_over(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let call = app.post("/auth/step-up/options").bearer(&ann.tokens.access);
    let for_step_up = call.send().await.expect_status(200).json();
    let for_login = first_step(&app, &ann.email).await;
    for options in [&for_step_up, &for_login] {
        expect_over(&passkey_login(&app, &device.get(options, ISSUER)).await);
    }
    // And a challenge of this login is none for the others.
    let options = any_passkey(&app).await;
    let credential = device.get(&options, ISSUER);
    let body = json!({ "method": "passkey", "credential": credential });
    expect_over(&super::step_up(&app, &ann.tokens, &body).await);
    let asked = json!({ "challenge": options["publicKey"]["challenge"] });
    expect_over(&super::answer_by_passkey(&app, &asked, &credential).await);
    passkey_login(&app, &credential).await.expect_status(200).tokens();
}

async fn deactivated_user_is_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let boss = app.superuser().await;
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    let tokens = log_in(&app, &ann).await;
    enrol_passkey(&app, &tokens, &mut device).await;
    let path = format!("/admin/users/{}", ann.account.id);
    let change = async |is_active: bool| {
        let call = app.put(&path).bearer(&boss.tokens.access).json(&json!({ "is_active": is_active }));
        call.send().await.expect_status(200).json();
    };
    change(false).await;
    expect_refused(&app, &mut device, ISSUER).await;
    change(true).await;
    log_in_by_passkey(&app, &mut device).await;
}

async fn malformed_answers_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    passkey_user(&app, &mut device).await;
    let options = any_passkey(&app).await;
    let right = device.get(&options, ISSUER);
    for (pointer, value) in [
        ("/id", json!("AAAA")),
        ("/type", json!("password")),
        ("/response/signature", json!("not base64url!")),
        ("/response/authenticatorData", json!(null)),
        ("/response", json!([])),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).expect("a member") = value;
        let reply = passkey_login(&app, &wrong).await;
        let errors = reply.expect_problem(422, "validation-failed")["errors"].clone();
        assert!(errors[0]["pointer"].as_str().unwrap().starts_with("/credential"), "{reply}");
    }
    passkey_login(&app, &right).await.expect_status(200).tokens();
}
