//! An instance that lacks a secret key cannot open what the key seals. Its users lose no attempt by that.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, TestApp};
use serde_json::json;

use super::{
    Member, STEP, answer, app, enrol_totp, expect_wrong, first_step, log_in, member, methods, step_up,
};

stories! {
    missing_secret_key_costs_no_code
    missing_secret_key_closes_no_other_app
}

/// A user with an app, and the same user with a second app. A newer secret key seals the second one, and is
/// missing now.
async fn two_apps(app: &TestApp) -> (Member, Member) {
    let first = member(app).await;
    let tokens = log_in(app, &first).await;
    app.keyring.change_key();
    let second = enrol_totp(app, Account { tokens, ..first.account.clone() }).await;
    app.keyring.forget_key();
    app.clock.advance(STEP);
    (first, second)
}

async fn missing_secret_key_costs_no_code(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, ann) = two_apps(&app).await;
    let code = ann.code(&app, 0);
    let body = json!({ "method": "totp", "code": code });
    // Twenty wrong codes would close the apps.
    for _ in 0..15 {
        let asked = first_step(&app, ann.email()).await;
        answer(&app, &asked, "totp", &code).await.expect_problem(503, "unavailable");
        step_up(&app, &ann.account.tokens, &body).await.expect_problem(503, "unavailable");
    }
    assert_eq!(methods(&app, ann.email()).await, ["totp", "recovery_code"]);
    app.keyring.change_key();
    let wrong = json!({ "method": "totp", "code": ann.wrong_code(&app) });
    expect_wrong(&step_up(&app, &ann.account.tokens, &wrong).await, 19);
    let asked = first_step(&app, ann.email()).await;
    answer(&app, &asked, "totp", &code).await.expect_status(200).tokens();
}

async fn missing_secret_key_closes_no_other_app(store: Arc<dyn Store>) {
    let app = app(store);
    let (first, second) = two_apps(&app).await;
    let asked = first_step(&app, first.email()).await;
    let reply = answer(&app, &asked, "totp", &second.code(&app, 0)).await;
    reply.expect_problem(503, "unavailable");
    answer(&app, &asked, "totp", &first.code(&app, 0)).await.expect_status(200).tokens();
    let body = json!({ "method": "totp", "code": first.code(&app, 1) });
    step_up(&app, &first.account.tokens, &body).await.expect_status(200).tokens();
    // Nor does it close the other methods.
    let asked = first_step(&app, first.email()).await;
    let reply = answer(&app, &asked, "recovery_code", &first.recovery_codes[0]).await;
    reply.expect_status(200).tokens();
}
