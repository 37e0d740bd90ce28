//! Token introspection (RFC 7662).

use std::sync::Arc;

use inwren_domain::kernel::StoreError;
use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, Account, ISSUER, TestApp, forge};
use inwren_tests::fakes::faulty_store;
use serde_json::{Value, json};
use time::Duration;

use crate::forgeries;

stories! {
    valid_token_is_described_with_current_data
    other_token_is_only_reported_inactive
    only_the_live_refresh_token_is_active
    only_superusers_may_ask
    a_form_without_a_token_is_refused
    a_store_that_fails_is_no_answer
}

async fn introspect(app: &TestApp, boss: &Account, token: &str) -> Value {
    let call = app.post("/auth/introspect").bearer(&boss.tokens.access).form(&[("token", token)]);
    call.send().await.expect_status(200).json()
}

async fn valid_token_is_described_with_current_data(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let path = format!("/admin/users/{}", ann.id);
    let change = app.put(&path).bearer(&boss.tokens.access).json(&json!({ "tier": "premium" }));
    change.send().await.expect_status(200).json();
    let (_, claims) = forge::open(&ann.tokens.access);
    assert_eq!(
        introspect(&app, &boss, &ann.tokens.access).await,
        json!({
            "active": true, "token_type": "bearer", "type": "access", "iss": ISSUER, "aud": AUDIENCE,
            "sub": ann.id, "sid": claims["sid"], "jti": claims["jti"], "iat": claims["iat"],
            "exp": claims["exp"], "acr": "aal1", "amr": ["pwd"], "auth_time": claims["auth_time"],
            "username": ann.email, "email": ann.email, "email_verified": false, "tier": "premium",
            "is_superuser": false, "client_id": "inwren",
        })
    );
    let (_, claims) = forge::open(&ann.tokens.refresh);
    let told = introspect(&app, &boss, &ann.tokens.refresh).await;
    assert_eq!((&told["active"], &told["type"]), (&json!(true), &json!("refresh")));
    assert_eq!((&told["jti"], &told["exp"]), (&claims["jti"], &claims["exp"]));
    assert!(told.get("token_type").is_none());
}

async fn other_token_is_only_reported_inactive(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    let inactive = json!({ "active": false });
    let ann = app.user_fixture().await;
    for token in ["x", "a.b.c", &forgeries::foreign(&ann.tokens.access)] {
        assert_eq!(introspect(&app, &boss, token).await, inactive);
    }
    let late = app.user_fixture().await;
    app.clock.advance(Duration::hours(1));
    let boss = Account { tokens: app.login(&boss.email).await, ..boss };
    assert_eq!(introspect(&app, &boss, &late.tokens.access).await, inactive);
    assert_eq!(introspect(&app, &boss, &late.tokens.refresh).await["active"], true);
}

async fn only_the_live_refresh_token_is_active(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let next = app.refresh(&ann.tokens.refresh).await;
    assert_eq!(introspect(&app, &boss, &ann.tokens.refresh).await, json!({ "active": false }));
    assert_eq!(introspect(&app, &boss, &next.refresh).await["active"], true);
    // Introspection does not use up the refresh token.
    app.refresh(&next.refresh).await;
}

async fn only_superusers_may_ask(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let form = [("token", ann.tokens.access.as_str())];
    let call = || app.post("/auth/introspect").form(&form);
    call().send().await.expect_problem(401, "missing-token");
    call().bearer(&forgeries::foreign(&ann.tokens.access)).send().await.expect_invalid_token();
    call().bearer(&ann.tokens.refresh).send().await.expect_invalid_token();
    call().bearer(&ann.tokens.access).send().await.expect_problem(403, "not-permitted");
}

async fn a_form_without_a_token_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    for form in [&[][..], &[("token", "")], &[("token", "a"), ("token", "b")]] {
        let call = app.post("/auth/introspect").bearer(&boss.tokens.access).form(form);
        call.send().await.expect_oauth_error("invalid_request");
    }
}

async fn a_store_that_fails_is_no_answer(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store);
    let app = TestApp::over(faulty);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    for token in [&ann.tokens.access, &ann.tokens.refresh] {
        // The first two store calls authenticate the caller, so a later one fails.
        script.fail_nth(4, StoreError::Unavailable("away".to_owned()));
        let call = app.post("/auth/introspect").bearer(&boss.tokens.access).form(&[("token", token)]);
        call.send().await.expect_problem(503, "unavailable");
    }
}
