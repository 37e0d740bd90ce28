//! The second step of a login.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, PASSWORD};
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};
use time::Duration;

use super::{
    NO_CODE, STEP, answer, app, assurance, claims, configured, enrol_passkey, expect_ended, expect_live,
    expect_over, expect_wrong, first_step, log_in, member, second_step,
};

stories! {
    password_asks_for_the_second_factor
    code_completes_the_login
    wrong_password_reveals_no_factor
    password_grant_is_refused
    code_is_accepted_once
    code_may_be_one_step_early_or_late
    without_skew_only_the_current_code_is_right
    five_wrong_codes_end_the_challenge
    all_methods_share_the_attempts
    challenge_expires_after_five_minutes
    challenge_is_used_once
    unknown_challenge_is_over
    code_of_the_other_kind_is_wrong
    code_of_another_user_is_wrong
    malformed_answers_are_refused
    deactivated_user_cannot_complete_the_login
}

async fn password_asks_for_the_second_factor(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let (first, second) = (first_step(&app, ann.email()).await, first_step(&app, ann.email()).await);
    assert_eq!((&first["methods"], &first["expires_in"]), (&json!(["totp", "recovery_code"]), &json!(300)));
    assert_eq!(first.get("publicKey"), None);
    // 256 random bits in base64url.
    assert_eq!(first["challenge"].as_str().map(str::len), Some(43));
    assert_ne!(first["challenge"], second["challenge"]);
    // A first step ends no session and starts none.
    expect_live(&app, &ann.account.tokens).await;
    let sessions = app.get("/users/me/sessions").bearer(&ann.account.tokens.access).send().await.json();
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));
}

async fn code_completes_the_login(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(Duration::MINUTE);
    let asked = first_step(&app, ann.email()).await;
    let reply = answer(&app, &asked, "totp", &ann.code(&app, 0)).await.expect_status(200);
    let mut names: Vec<String> = reply.json().as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "refresh_token", "token_type"]);
    let tokens = reply.tokens();
    let found = claims(&tokens);
    assert_eq!((&found["acr"], &found["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));
    assert_eq!((&found["aud"], &found["auth_time"]), (&json!(AUDIENCE), &json!(app.clock_seconds())));
    let sessions = app.get("/users/me/sessions").bearer(&tokens.access).send().await.json();
    assert_eq!(
        (&sessions["items"][0]["acr"], &sessions["items"][1]["acr"]),
        (&json!("aal2"), &json!("aal1"))
    );
    // A refresh keeps what was shown.
    app.clock.advance(Duration::MINUTE);
    let refreshed = app.refresh(&tokens.refresh).await;
    assert_eq!(assurance(&refreshed), assurance(&tokens));
    assert_eq!(claims(&refreshed)["auth_time"], found["auth_time"]);
}

async fn wrong_password_reveals_no_factor(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, app.user_fixture().await);
    let mut bodies = Vec::new();
    for email in [ann.email(), &bob.email, "nobody@example.org"] {
        let mut body =
            app.try_login(email, "wrong password").await.expect_problem(401, "invalid-credentials");
        body["request_id"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

async fn password_grant_is_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for grant in [&[][..], &[("grant_type", "password")]] {
        let form = [grant, &[("username", ann.email()), ("password", PASSWORD)]].concat();
        app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
    }
    let tokens = log_in(&app, &ann).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    app.post("/auth/access-token").form(&form).send().await.expect_status(200).tokens();
}

async fn code_is_accepted_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(STEP);
    let code = ann.code(&app, 0);
    let (one, other) = (first_step(&app, ann.email()).await, first_step(&app, ann.email()).await);
    answer(&app, &one, "totp", &code).await.expect_status(200).tokens();
    expect_wrong(&answer(&app, &other, "totp", &code).await, 4);
    // Nor is an earlier one, after the next one was used early.
    answer(&app, &other, "totp", &ann.code(&app, 1)).await.expect_status(200).tokens();
    let third = first_step(&app, ann.email()).await;
    expect_wrong(&answer(&app, &third, "totp", &code).await, 4);
    app.clock.advance(STEP);
    expect_wrong(&answer(&app, &third, "totp", &ann.code(&app, 0)).await, 3);
}

async fn code_may_be_one_step_early_or_late(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(STEP * 4);
    let asked = first_step(&app, ann.email()).await;
    for (steps, attempts_left) in [(-2, 4), (2, 3)] {
        expect_wrong(&answer(&app, &asked, "totp", &ann.code(&app, steps)).await, attempts_left);
    }
    for steps in [-1, 0, 1] {
        let asked = first_step(&app, ann.email()).await;
        answer(&app, &asked, "totp", &ann.code(&app, steps)).await.expect_status(200).tokens();
    }
}

async fn without_skew_only_the_current_code_is_right(store: Arc<dyn Store>) {
    let app = configured(store, |factors| factors.totp_skew_steps = 0);
    let ann = member(&app).await;
    app.clock.advance(STEP * 4);
    let asked = first_step(&app, ann.email()).await;
    for (steps, attempts_left) in [(-1, 4), (1, 3)] {
        expect_wrong(&answer(&app, &asked, "totp", &ann.code(&app, steps)).await, attempts_left);
    }
    answer(&app, &asked, "totp", &ann.code(&app, 0)).await.expect_status(200).tokens();
}

async fn five_wrong_codes_end_the_challenge(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(STEP);
    let asked = first_step(&app, ann.email()).await;
    for attempts_left in (0..5).rev() {
        expect_wrong(&answer(&app, &asked, "totp", &ann.wrong_code(&app)).await, attempts_left);
    }
    expect_over(&answer(&app, &asked, "totp", &ann.code(&app, 0)).await);
    // The password and a new challenge are not affected.
    let again = first_step(&app, ann.email()).await;
    answer(&app, &again, "totp", &ann.code(&app, 0)).await.expect_status(200).tokens();
}

async fn all_methods_share_the_attempts(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    let tokens = log_in(&app, &ann).await;
    enrol_passkey(&app, &tokens, &mut device).await;
    app.clock.advance(STEP);
    let asked = first_step(&app, ann.email()).await;
    assert_eq!(asked["methods"], json!(["totp", "recovery_code", "passkey"]));
    let forged = device.get(&asked, "https://evil.example.org");
    expect_wrong(&answer(&app, &asked, "totp", &ann.wrong_code(&app)).await, 4);
    expect_wrong(&answer(&app, &asked, "recovery_code", NO_CODE).await, 3);
    for attempts_left in (0..3).rev() {
        expect_wrong(&super::answer_by_passkey(&app, &asked, &forged).await, attempts_left);
    }
    let right = device.get(&asked, inwren_tests::app::ISSUER);
    expect_over(&super::answer_by_passkey(&app, &asked, &right).await);
    expect_over(&answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await);
}

async fn challenge_expires_after_five_minutes(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let (late, intime) = (first_step(&app, ann.email()).await, first_step(&app, ann.email()).await);
    app.clock.advance(Duration::minutes(5) - Duration::SECOND);
    answer(&app, &intime, "totp", &ann.code(&app, 0)).await.expect_status(200).tokens();
    app.clock.advance(Duration::SECOND);
    expect_over(&answer(&app, &late, "totp", &ann.code(&app, 1)).await);
}

async fn challenge_is_used_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let asked = first_step(&app, ann.email()).await;
    answer(&app, &asked, "totp", &ann.code(&app, 1)).await.expect_status(200).tokens();
    app.clock.advance(STEP * 2);
    expect_over(&answer(&app, &asked, "totp", &ann.code(&app, 0)).await);
    expect_over(&answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await);
}

async fn unknown_challenge_is_over(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(STEP);
    let asked = first_step(&app, ann.email()).await;
    let known = asked["challenge"].as_str().unwrap();
    let flipped = if known.starts_with('A') { "B" } else { "A" };
    for wrong in [format!("{flipped}{}", &known[1..]), "A".repeat(43), known.to_lowercase()] {
        let unknown = json!({ "challenge": wrong });
        expect_over(&answer(&app, &unknown, "totp", &ann.code(&app, 0)).await);
    }
    answer(&app, &asked, "totp", &ann.code(&app, 0)).await.expect_status(200).tokens();
}

async fn code_of_the_other_kind_is_wrong(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    app.clock.advance(STEP);
    let asked = first_step(&app, ann.email()).await;
    expect_wrong(&answer(&app, &asked, "totp", &ann.recovery_codes[0]).await, 4);
    expect_wrong(&answer(&app, &asked, "recovery_code", &ann.code(&app, 0)).await, 3);
    answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await.expect_status(200).tokens();
}

async fn code_of_another_user_is_wrong(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, member(&app).await);
    app.clock.advance(STEP);
    let asked = first_step(&app, ann.email()).await;
    expect_wrong(&answer(&app, &asked, "totp", &bob.code(&app, 0)).await, 4);
    expect_wrong(&answer(&app, &asked, "recovery_code", &bob.recovery_codes[0]).await, 3);
    // They stay good for their owner.
    let asked = first_step(&app, bob.email()).await;
    answer(&app, &asked, "recovery_code", &bob.recovery_codes[0]).await.expect_status(200).tokens();
    log_in(&app, &bob).await;
}

async fn malformed_answers_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let asked = first_step(&app, ann.email()).await;
    let challenge = &asked["challenge"];
    let credential = json!({ "id": "AA" });
    let bodies = [
        json!({}),
        json!({ "challenge": challenge }),
        json!({ "challenge": challenge, "code": "123456" }),
        json!({ "challenge": challenge, "method": "sms", "code": "123456" }),
        json!({ "challenge": challenge, "method": "TOTP", "code": "123456" }),
        json!({ "challenge": challenge, "method": "totp" }),
        json!({ "challenge": challenge, "method": "recovery_code" }),
        json!({ "challenge": challenge, "method": "totp", "code": "123456", "credential": credential }),
        json!({ "challenge": challenge, "method": "passkey" }),
        json!({ "challenge": challenge, "method": "passkey", "code": "123456" }),
        json!({ "challenge": challenge, "method": "passkey", "credential": credential }),
        json!({ "challenge": challenge, "method": "totp", "code": "123456", "user_id": ann.account.id }),
        json!({ "challenge": 1, "method": "totp", "code": "123456" }),
    ];
    for body in bodies {
        second_step(&app, &body).await.expect_problem(422, "validation-failed");
    }
    for code in ["", "12345", "1234567", "١٢٣٤٥٦", "AAAA-AAAA-AAAA-AAAA-AAAA-AAA1", "12 34 5a"] {
        answer(&app, &asked, "totp", code).await.expect_invalid(&["/code"]);
    }
    // None of them was an attempt.
    expect_wrong(&answer(&app, &asked, "totp", &ann.wrong_code(&app)).await, 4);
}

async fn deactivated_user_cannot_complete_the_login(store: Arc<dyn Store>) {
    let app = app(store);
    let (boss, ann) = (app.superuser().await, member(&app).await);
    let tokens = log_in(&app, &ann).await;
    let asked = first_step(&app, ann.email()).await;
    let path = format!("/admin/users/{}", ann.account.id);
    let call = app.put(&path).bearer(&boss.tokens.access).json(&json!({ "is_active": false }));
    call.send().await.expect_status(200).json();
    expect_over(&answer(&app, &asked, "totp", &ann.code(&app, 1)).await);
    app.try_login(ann.email(), PASSWORD).await.expect_problem(401, "invalid-credentials");
    expect_ended(&app, &tokens).await;
}
