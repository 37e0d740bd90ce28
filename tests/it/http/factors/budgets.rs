//! Too many wrong codes close a method, and nothing else.

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::authenticator::Authenticator;
use serde_json::json;
use time::Duration;

use super::{
    Member, answer, answer_by_passkey, app, enrol_passkey, events, expect_wrong, first_step, guess, letters,
    log_in, member, methods, step_up,
};

stories! {
    twenty_wrong_codes_close_only_the_app
    challenges_from_before_are_closed_too
    recovery_code_opens_the_app
    passkey_opens_the_app
    closed_app_opens_after_a_day
    right_codes_restore_no_attempts
    twenty_wrong_recovery_codes_close_only_them
    closing_is_announced_once
    outsiders_close_nothing
    wrong_codes_of_all_places_count_together
    users_have_separate_budgets
}

/// Checks that the right code is refused because the app is closed.
async fn expect_closed(app: &inwren_tests::app::TestApp, member: &Member) {
    app.clock.advance(super::STEP);
    let asked = first_step(app, member.email()).await;
    let reply = answer(app, &asked, "totp", &member.code(app, 0)).await;
    expect_wrong(&reply, 4);
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("24 hours"), "{detail}");
}

async fn twenty_wrong_codes_close_only_the_app(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    guess(&app, &ann, "totp", 19).await;
    assert_eq!(methods(&app, ann.email()).await, ["totp", "recovery_code"]);
    guess(&app, &ann, "totp", 1).await;
    // The password step still works, and offers what is open.
    assert_eq!(methods(&app, ann.email()).await, ["recovery_code"]);
    expect_closed(&app, &ann).await;
    // Sessions live on.
    super::expect_live(&app, &ann.account.tokens).await;
}

async fn challenges_from_before_are_closed_too(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let before = first_step(&app, ann.email()).await;
    guess(&app, &ann, "totp", 20).await;
    expect_wrong(&answer(&app, &before, "totp", &ann.code(&app, 1)).await, 4);
    answer(&app, &before, "recovery_code", &ann.recovery_codes[0]).await.expect_status(200).tokens();
}

async fn recovery_code_opens_the_app(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    guess(&app, &ann, "totp", 20).await;
    expect_closed(&app, &ann).await;
    // A wrong one opens nothing.
    guess(&app, &ann, "recovery_code", 1).await;
    expect_closed(&app, &ann).await;
    let asked = first_step(&app, ann.email()).await;
    answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await.expect_status(200).tokens();
    assert_eq!(methods(&app, ann.email()).await, ["totp", "recovery_code"]);
    log_in(&app, &ann).await;
}

async fn passkey_opens_the_app(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &tokens, &mut device).await;
    for alone in [false, true] {
        guess(&app, &ann, "totp", 20).await;
        assert_eq!(methods(&app, ann.email()).await, ["recovery_code", "passkey"]);
        if alone {
            super::log_in_by_passkey(&app, &mut device).await;
        } else {
            let asked = first_step(&app, ann.email()).await;
            let credential = device.get(&asked, inwren_tests::app::ISSUER);
            answer_by_passkey(&app, &asked, &credential).await.expect_status(200).tokens();
        }
        log_in(&app, &ann).await;
    }
}

async fn closed_app_opens_after_a_day(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    guess(&app, &ann, "totp", 19).await;
    app.clock.advance(Duration::hours(23));
    guess(&app, &ann, "totp", 1).await;
    // The day begins with the last wrong code.
    app.clock.advance(Duration::hours(24) - Duration::SECOND);
    assert_eq!(methods(&app, ann.email()).await, ["recovery_code"]);
    app.clock.advance(Duration::SECOND);
    log_in(&app, &ann).await;
    guess(&app, &ann, "totp", 19).await;
    log_in(&app, &ann).await;
}

async fn right_codes_restore_no_attempts(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for _ in 0..5 {
        guess(&app, &ann, "totp", 4).await;
        if methods(&app, ann.email()).await.contains(&"totp".to_owned()) {
            log_in(&app, &ann).await;
        }
    }
    expect_closed(&app, &ann).await;
}

async fn twenty_wrong_recovery_codes_close_only_them(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    guess(&app, &ann, "recovery_code", 20).await;
    assert_eq!(methods(&app, ann.email()).await, ["totp"]);
    let asked = first_step(&app, ann.email()).await;
    expect_wrong(&answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await, 4);
    log_in(&app, &ann).await;
    let asked = first_step(&app, ann.email()).await;
    answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await.expect_status(200).tokens();
}

async fn closing_is_announced_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    guess(&app, &ann, "totp", 19).await;
    assert_eq!(letters(&app, ann.email(), "factor_closed").await, 0);
    guess(&app, &ann, "totp", 1).await;
    for _ in 0..3 {
        expect_closed(&app, &ann).await;
    }
    assert_eq!(letters(&app, ann.email(), "factor_closed").await, 1);
    assert_eq!(events(&app, &ann.account, AuditEventKind::FactorClosed).await.len(), 1);
}

async fn outsiders_close_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for _ in 0..50 {
        app.try_login(ann.email(), "wrong password").await.expect_problem(401, "invalid-credentials");
    }
    let unknown = json!({ "challenge": "A".repeat(43) });
    for _ in 0..50 {
        super::expect_over(&answer(&app, &unknown, "totp", &ann.wrong_code(&app)).await);
    }
    assert_eq!(methods(&app, ann.email()).await, ["totp", "recovery_code"]);
    log_in(&app, &ann).await;
}

async fn wrong_codes_of_all_places_count_together(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let wrong = json!({ "method": "totp", "code": ann.wrong_code(&app) });
    for attempts_left in (10..20).rev() {
        expect_wrong(&step_up(&app, &ann.account.tokens, &wrong).await, attempts_left);
    }
    guess(&app, &ann, "totp", 10).await;
    expect_closed(&app, &ann).await;
    let right = json!({ "method": "totp", "code": ann.code(&app, 1) });
    step_up(&app, &ann.account.tokens, &right).await.expect_problem(401, "invalid-factor");
    // A recovery code at the step-up opens it.
    let code = json!({ "method": "recovery_code", "code": ann.recovery_codes[0] });
    step_up(&app, &ann.account.tokens, &code).await.expect_status(200).tokens();
    log_in(&app, &ann).await;
}

async fn users_have_separate_budgets(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, member(&app).await);
    guess(&app, &ann, "totp", 20).await;
    log_in(&app, &bob).await;
    expect_closed(&app, &ann).await;
}
