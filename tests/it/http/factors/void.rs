//! A change of a password or factor voids open challenges and links.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, PASSWORD, TestApp, Tokens};
use inwren_tests::authenticator::Authenticator;
use inwren_tests::fakes::{kind_in, token_in};
use serde_json::json;

use super::{
    CHOSEN, Member, add_passkey, answer, app, begin_totp, change_password, confirm_totp, enrol_passkey,
    enrol_totp, expect_over, first_step, log_in, member, passkey_options, remove, replace_recovery_codes,
    strong_superuser,
};

stories! {
    change_voids_the_second_step
    reset_link_voids_the_second_step
    administrator_voids_the_second_step
    change_voids_enrolments
    change_voids_reset_links
    change_keeps_sessions
}

/// Every change of the credentials of a member.
const CHANGES: [&str; 4] = ["password", "codes", "passkey", "factor"];

async fn change(app: &TestApp, ann: &Member, tokens: &Tokens, what: &str) {
    match what {
        "password" => {
            change_password(app, tokens).await.expect_status(200).tokens();
        }
        "codes" => {
            replace_recovery_codes(app, tokens).await.expect_status(200).json();
        }
        "passkey" => {
            enrol_passkey(app, tokens, &mut Authenticator::new()).await;
        }
        "factor" => remove(app, tokens, &ann.factor).await.expect_done(),
        _ => panic!("{what}"),
    }
}

async fn change_voids_the_second_step(store: Arc<dyn Store>) {
    let app = app(store);
    for what in CHANGES {
        let ann = member(&app).await;
        let tokens = log_in(&app, &ann).await;
        let asked = first_step(&app, ann.email()).await;
        change(&app, &ann, &tokens, what).await;
        expect_over(&answer(&app, &asked, "totp", &ann.code(&app, 1)).await);
        expect_over(&answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await);
    }
}

/// Sends all letters, and returns the token of the newest reset link.
async fn reset_link(app: &TestApp, email: &str) -> String {
    app.post("/auth/password/forgot").json(&json!({ "email": email })).send().await.expect_status(202).text();
    let letters = app.letters_to(email).await;
    let newest = letters.iter().rev().find(|letter| kind_in(letter) == "password_reset").expect("a letter");
    token_in(newest).expect("a link").to_owned()
}

async fn reset_link_voids_the_second_step(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let asked = first_step(&app, ann.email()).await;
    let token = reset_link(&app, ann.email()).await;
    let factor = json!({ "method": "recovery_code", "code": ann.recovery_codes[0] });
    let body = json!({ "token": token, "new_password": CHOSEN, "factor": factor });
    app.post("/auth/password/reset").json(&body).send().await.expect_done();
    expect_over(&answer(&app, &asked, "totp", &ann.code(&app, 1)).await);
    app.try_login(ann.email(), PASSWORD).await.expect_problem(401, "invalid-credentials");
}

async fn administrator_voids_the_second_step(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, boss) = strong_superuser(&app).await;
    let ann = member(&app).await;
    let asked = first_step(&app, ann.email()).await;
    let path = format!("/admin/users/{}/factors", ann.account.id);
    let call = app.delete(&path).bearer(&boss.access).json(&json!({ "reason": "Phone lost" }));
    call.send().await.expect_done();
    expect_over(&answer(&app, &asked, "totp", &ann.code(&app, 1)).await);
}

/// An enrolment of a passkey began before the change, and would outlive it.
async fn change_voids_enrolments(store: Arc<dyn Store>) {
    let app = app(store);
    for what in ["codes", "password"] {
        let ann = member(&app).await;
        let tokens = log_in(&app, &ann).await;
        let options = passkey_options(&app, &tokens).await.expect_status(200).json();
        let tokens = if what == "password" {
            change_password(&app, &tokens).await.expect_status(200).tokens()
        } else {
            change(&app, &ann, &tokens, what).await;
            tokens
        };
        let body = json!({ "credential": Authenticator::new().create(&options, ISSUER) });
        expect_over(&add_passkey(&app, &tokens, &body).await);
    }
}

async fn change_voids_reset_links(store: Arc<dyn Store>) {
    let app = app(store);
    for what in ["codes", "passkey", "factor"] {
        let ann = member(&app).await;
        let tokens = log_in(&app, &ann).await;
        let token = reset_link(&app, ann.email()).await;
        change(&app, &ann, &tokens, what).await;
        let factor = json!({ "method": "recovery_code", "code": ann.recovery_codes[0] });
        let body = json!({ "token": token, "new_password": CHOSEN, "factor": factor });
        let reply = app.post("/auth/password/reset").json(&body).send().await;
        reply.expect_problem(400, "invalid-action-token");
    }
    // The first factor of an account, too.
    let bob = app.user_fixture().await;
    let token = reset_link(&app, &bob.email).await;
    enrol_totp(&app, bob).await;
    let body = json!({ "token": token, "new_password": CHOSEN });
    let reply = app.post("/auth/password/reset").json(&body).send().await;
    reply.expect_problem(400, "invalid-action-token");
}

async fn change_keeps_sessions(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let (tokens, other) = (log_in(&app, &ann).await, log_in(&app, &ann).await);
    for what in ["codes", "passkey"] {
        change(&app, &ann, &tokens, what).await;
        super::expect_live(&app, &tokens).await;
        super::expect_live(&app, &other).await;
    }
    // After the passkey, the app alone permits no change of the factors.
    let reply = begin_totp(&app, &tokens).await;
    super::expect_step_up(&reply, "phr");
    let reply = confirm_totp(&app, &tokens, &ann.factor, &ann.code(&app, 1)).await;
    super::expect_step_up(&reply, "phr");
}
