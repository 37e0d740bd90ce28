//! The list of a user's factors, their names and their removal.

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp, Tokens};
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};
use time::Duration;

use super::{
    app, assurance, enrol_passkey, enrol_totp, events, expect_step_up, factors, first_step, letters, log_in,
    log_in_by_passkey, member, methods, remove, text,
};

stories! {
    factors_are_listed_oldest_first
    use_is_shown
    factor_is_renamed
    invalid_names_are_refused
    factors_of_others_are_not_found
    removed_factor_is_asked_no_longer
    last_removal_ends_the_recovery_codes
    user_without_factors_has_an_empty_list
    deleted_passkey_cannot_log_in
}

async fn rename(app: &TestApp, tokens: &Tokens, factor: &str, body: &Value) -> Reply {
    app.call("PATCH", &format!("/users/me/factors/{factor}")).bearer(&tokens.access).json(body).send().await
}

async fn factors_are_listed_oldest_first(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    app.clock.advance(Duration::MINUTE);
    let passkey = enrol_passkey(&app, &tokens, &mut Authenticator::new()).await;
    let listed = factors(&app, &tokens).await;
    assert_eq!(listed.as_object().map(serde_json::Map::len), Some(2), "{listed}");
    assert_eq!(listed["recovery_codes_left"], 10);
    let items = listed["items"].as_array().unwrap();
    let seen: Vec<(&str, &str)> =
        items.iter().map(|item| (item["id"].as_str().unwrap(), item["method"].as_str().unwrap())).collect();
    assert_eq!(seen, [(ann.factor.as_str(), "totp"), (passkey["id"].as_str().unwrap(), "passkey")]);
    assert_eq!(items[0]["created_at"], "2030-03-17T17:46:40.123457Z");
    // An app has neither copies nor a PIN that we know of.
    assert!(items[0]["backed_up"].is_null() && items[0]["verifies_user"].is_null(), "{listed}");
    assert_eq!((&items[1]["backed_up"], &items[1]["verifies_user"]), (&json!(true), &json!(true)));
}

async fn use_is_shown(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    assert_eq!(factors(&app, &ann.account.tokens).await["items"][0]["last_used_at"], Value::Null);
    let tokens = log_in(&app, &ann).await;
    let used = factors(&app, &tokens).await["items"][0]["last_used_at"].clone();
    assert_eq!(used, "2030-03-17T17:47:10.123457Z");
}

async fn factor_is_renamed(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    // A name is no sensitive change.
    let tokens = &ann.account.tokens;
    let renamed = rename(&app, tokens, &ann.factor, &json!({ "name": " Mein Täléfon " })).await;
    let renamed = renamed.expect_status(200).json();
    assert_eq!((&renamed["id"], &renamed["name"]), (&json!(ann.factor), &json!("Mein Täléfon")));
    assert_eq!(factors(&app, tokens).await["items"][0], renamed);
    log_in(&app, &ann).await;
}

async fn invalid_names_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for name in [json!(""), json!("  "), json!("a\u{7}b"), json!("x".repeat(65)), json!(1)] {
        let reply = rename(&app, &ann.account.tokens, &ann.factor, &json!({ "name": name })).await;
        reply.expect_invalid(&["/name"]);
    }
    let reply = rename(&app, &ann.account.tokens, &ann.factor, &json!({ "name": "a", "method": "x" })).await;
    reply.expect_invalid(&["/method"]);
}

async fn factors_of_others_are_not_found(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, member(&app).await);
    let tokens = log_in(&app, &bob).await;
    for id in [ann.factor.as_str(), "00000000-0000-7000-8000-000000000000"] {
        let reply = rename(&app, &tokens, id, &json!({ "name": "mine" })).await;
        reply.expect_problem(404, "not-found");
        remove(&app, &tokens, id).await.expect_problem(404, "not-found");
    }
    assert_eq!(factors(&app, &ann.account.tokens).await["items"][0]["name"], Value::Null);
    log_in(&app, &ann).await;
}

async fn removed_factor_is_asked_no_longer(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let more =
        enrol_totp(&app, inwren_tests::app::Account { tokens: tokens.clone(), ..ann.account.clone() }).await;
    remove(&app, &tokens, &ann.factor).await.expect_done();
    remove(&app, &tokens, &ann.factor).await.expect_problem(404, "not-found");
    app.clock.advance(super::STEP * 2);
    let asked = first_step(&app, ann.email()).await;
    super::expect_wrong(&super::answer(&app, &asked, "totp", &ann.code(&app, 0)).await, 4);
    super::answer(&app, &asked, "totp", &more.code(&app, 0)).await.expect_status(200).tokens();
    assert_eq!(events(&app, &ann.account, AuditEventKind::FactorRemoved).await.len(), 1);
    assert_eq!(letters(&app, ann.email(), "factor_removed").await, 1);
}

async fn last_removal_ends_the_recovery_codes(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    remove(&app, &tokens, &ann.factor).await.expect_done();
    assert_eq!(factors(&app, &tokens).await, json!({ "items": [], "recovery_codes_left": 0 }));
    assert_eq!(assurance(&app.login(ann.email()).await), (json!("aal1"), json!(["pwd"])));
    // The next first factor brings new ones, and the old ones stay void.
    let again = enrol_totp(&app, inwren_tests::app::Account { tokens, ..ann.account }).await;
    assert_eq!(again.recovery_codes.len(), 10);
    let asked = first_step(&app, again.email()).await;
    super::expect_wrong(&super::answer(&app, &asked, "recovery_code", &ann.recovery_codes[0]).await, 4);
}

async fn user_without_factors_has_an_empty_list(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    assert_eq!(factors(&app, &ann.tokens).await, json!({ "items": [], "recovery_codes_left": 0 }));
}

async fn deleted_passkey_cannot_log_in(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    let enrolled = enrol_passkey(&app, &log_in(&app, &ann).await, &mut device).await;
    let by_code = log_in(&app, &ann).await;
    expect_step_up(&remove(&app, &by_code, &text(&enrolled["id"])).await, "phr");
    let tokens = log_in_by_passkey(&app, &mut device).await;
    remove(&app, &tokens, &text(&enrolled["id"])).await.expect_done();
    assert_eq!(methods(&app, ann.email()).await, ["totp", "recovery_code"]);
    let options = super::any_passkey(&app).await;
    let reply = super::passkey_login(&app, &device.get(&options, inwren_tests::app::ISSUER)).await;
    reply.expect_problem(401, "invalid-credentials");
    // Without the passkey, the app is the strongest factor again.
    let by_code = log_in(&app, &ann).await;
    remove(&app, &by_code, &ann.factor).await.expect_done();
    app.login(ann.email()).await;
}
