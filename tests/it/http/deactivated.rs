//! A deactivated account has no access on any path, and only activation restores it.

use std::sync::Arc;

use inwren_domain::credential::{Password, set_password};
use inwren_domain::kernel::Email;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, TestApp};
use serde_json::json;

use super::protected;

stories! {
    a_deactivated_user_gets_in_nowhere
    what_an_administrator_changes_does_not_let_a_deactivated_user_in
    a_password_that_an_operator_sets_does_not_let_a_deactivated_user_in
    an_activated_user_starts_anew
}

async fn set_active(app: &TestApp, boss: &Account, of: &Account, is_active: bool) {
    let path = format!("/admin/users/{}", of.id);
    let call = app.put(&path).bearer(&boss.tokens.access).json(&json!({ "is_active": is_active }));
    call.send().await.expect_status(200).json();
}

/// Tries every way to get a token, and every operation with the old tokens.
async fn expect_shut_out(app: &TestApp, boss: &Account, gone: &Account, password: &str) {
    app.try_login(&gone.email, password).await.expect_problem(401, "invalid-credentials");
    for grant in [&[][..], &[("grant_type", "password")]] {
        let form = [grant, &[("username", gone.email.as_str()), ("password", password)]].concat();
        app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
    }
    app.try_refresh(&gone.tokens.refresh).await.expect_invalid_token();
    let form = [("grant_type", "refresh_token"), ("refresh_token", gone.tokens.refresh.as_str())];
    app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
    for token in [&gone.tokens.access, &gone.tokens.refresh] {
        let call = app.post("/auth/introspect").bearer(&boss.tokens.access).form(&[("token", token)]);
        assert_eq!(call.send().await.expect_status(200).json(), json!({ "active": false }));
    }
    for operation in protected::operations(app) {
        protected::attempt(app, &operation).bearer(&gone.tokens.access).send().await.expect_invalid_token();
    }
    // The address stays taken: a registration with it fails.
    let body = json!({ "email": gone.email, "password": PASSWORD });
    app.post("/auth/register").json(&body).send().await.expect_problem(409, "email-taken");
}

async fn a_deactivated_user_gets_in_nowhere(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, by_boss, by_itself) = (app.superuser().await, app.superuser().await, app.superuser().await);
    set_active(&app, &boss, &by_boss, false).await;
    app.delete("/users/me").bearer(&by_itself.tokens.access).send().await.expect_done();
    for gone in [by_boss, by_itself] {
        expect_shut_out(&app, &boss, &gone, PASSWORD).await;
    }
}

async fn what_an_administrator_changes_does_not_let_a_deactivated_user_in(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, mut gone) = (app.superuser().await, app.user_fixture().await);
    set_active(&app, &boss, &gone, false).await;
    let path = format!("/admin/users/{}", gone.id);
    gone.email = format!("renamed-{}", gone.email);
    for change in
        [json!({ "email": gone.email }), json!({ "tier": "premium" }), json!({ "is_superuser": true })]
    {
        let call = app.put(&path).bearer(&boss.tokens.access).json(&change);
        assert_eq!(call.send().await.expect_status(200).json()["is_active"], false);
        let revoke = app.delete(&format!("{path}/sessions")).bearer(&boss.tokens.access);
        revoke.send().await.expect_done();
    }
    expect_shut_out(&app, &boss, &gone, PASSWORD).await;
}

async fn a_password_that_an_operator_sets_does_not_let_a_deactivated_user_in(store: Arc<dyn Store>) {
    const NEW: &str = "set by the operator";
    let app = TestApp::over(store);
    let (boss, gone) = (app.superuser().await, app.user_fixture().await);
    set_active(&app, &boss, &gone, false).await;
    let email = Email::parse(&gone.email).unwrap();
    set_password::execute(&app.state.core, &email, Password::new(NEW)).await.expect("a new password");
    expect_shut_out(&app, &boss, &gone, NEW).await;
    set_active(&app, &boss, &gone, true).await;
    app.try_login(&gone.email, NEW).await.expect_status(200).tokens();
}

async fn an_activated_user_starts_anew(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, back) = (app.superuser().await, app.user_fixture().await);
    set_active(&app, &boss, &back, false).await;
    set_active(&app, &boss, &back, true).await;
    app.me(&back.tokens.access).await.expect_invalid_token();
    app.try_refresh(&back.tokens.refresh).await.expect_invalid_token();
    let new = app.login(&back.email).await;
    app.me(&new.access).await.expect_status(200).json();
}
