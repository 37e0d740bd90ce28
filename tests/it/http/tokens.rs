//! Who gets in with which token.

use std::sync::Arc;

use inwren_domain::ports::Store;
use inwren_tests::app::{Account, Call, Operation, Reply, TestApp};
use inwren_tests::fakes::FaultyStore;
use serde_json::json;

use super::forgeries;

stories! {
    no_forged_access_token_gets_in_anywhere
    no_forged_refresh_token_is_exchanged
    the_header_is_read_strictly
    a_token_has_no_other_place
    what_has_ended_is_refused_everywhere
}

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

fn protected(app: &TestApp) -> Vec<Operation> {
    let all = app.contract().operations();
    let protected: Vec<Operation> = all.into_iter().filter(Operation::is_protected).collect();
    assert!(protected.len() >= 14, "{protected:?}");
    protected
}

fn call<'a>(app: &'a TestApp, operation: &Operation) -> Call<'a> {
    let call = app.call(&operation.method, &operation.path_with(NOBODY));
    if operation.about["requestBody"].is_object() { call.json(&json!({})) } else { call }
}

async fn no_forged_access_token_gets_in_anywhere(store: Arc<dyn Store>) {
    let counted = FaultyStore::over(store);
    let asked = counted.script();
    let app = TestApp::over(Arc::new(counted));
    let admin = app.superuser().await;
    let good = &admin.tokens.access;
    app.me(&forgeries::control(good)).await.expect_status(200).json();
    asked.take_calls();
    let operations = protected(&app);
    for (what, token) in forgeries::all(good, &admin.tokens.refresh, app.clock_seconds()) {
        for operation in &operations {
            let reply = call(&app, operation).bearer(&token).send().await;
            assert_eq!(reply.status, 401, "{what}: {reply}");
            reply.expect_invalid_token();
        }
        assert!(asked.take_calls().is_empty(), "{what}: the store was asked before the token was checked");
    }
    app.me(good).await.expect_status(200).json();
}

async fn no_forged_refresh_token_is_exchanged(store: Arc<dyn Store>) {
    let counted = FaultyStore::over(store);
    let asked = counted.script();
    let app = TestApp::over(Arc::new(counted));
    let ann = app.somebody().await;
    let good = &ann.tokens.refresh;
    asked.take_calls();
    for (what, token) in forgeries::all(good, &ann.tokens.access, app.clock_seconds()) {
        let reply = app.try_refresh(&token).await;
        assert_eq!(reply.status, 401, "{what}: {reply}");
        reply.expect_invalid_token();
        if !token.is_empty() {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
        }
        assert!(asked.take_calls().is_empty(), "{what}: the store was asked before the token was checked");
    }
    app.refresh(good).await;
}

async fn the_header_is_read_strictly(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.somebody().await;
    let token = &ann.tokens.access;
    let with = async |values: &[String]| {
        let call = app.get("/users/me");
        values.iter().fold(call, |call, value| call.header("authorization", value)).send().await
    };
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        with(&[format!("{scheme} {token}")]).await.expect_status(200).json();
    }
    for wrong in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        token.clone(),
        format!("Bearer{token}"),
        format!("Bearer: {token}"),
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!("Token {token}"),
        format!("Basic {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token};"),
        "é".to_owned(),
        String::new(),
    ] {
        with(&[wrong]).await.expect_invalid_token();
    }
    let good = format!("Bearer {token}");
    for two in
        [[good.clone(), good.clone()], [good.clone(), "Bearer x".to_owned()], ["Basic eDp5".to_owned(), good]]
    {
        with(&two).await.expect_invalid_token();
    }
    let reply = app.get("/users/me").send().await;
    reply.expect_problem(401, "missing-token");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
}

async fn a_token_has_no_other_place(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.somebody().await;
    let token = &ann.tokens.access;
    let places = [
        app.get(&format!("/users/me?access_token={token}&token={token}&authorization=Bearer%20{token}")),
        app.get("/users/me").header("cookie", &format!("access_token={token}; token={token}")),
        app.get("/users/me")
            .header("x-access-token", token)
            .header("proxy-authorization", &format!("Bearer {token}")),
        app.put("/users/me").json(&json!({ "access_token": token })),
        app.delete("/users/me").form(&[("access_token", token)]),
        app.get("/users/me").header("x-forwarded-user", &ann.email).header("x-user-id", &ann.id),
    ];
    for place in places {
        place.send().await.expect_problem(401, "missing-token");
    }
}

async fn everywhere(app: &TestApp, account: &Account, check: impl Fn(&Reply)) {
    for operation in protected(app) {
        check(&call(app, &operation).bearer(&account.tokens.access).send().await);
    }
    app.try_refresh(&account.tokens.refresh).await.expect_invalid_token();
}

async fn what_has_ended_is_refused_everywhere(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let [gone, inactive, demoted, revoked, closed] = [
        app.superuser().await,
        app.superuser().await,
        app.superuser().await,
        app.superuser().await,
        app.superuser().await,
    ];
    let path = |account: &Account| format!("/admin/users/{}", account.id);
    let token = &admin.tokens.access;
    app.delete(&path(&gone)).bearer(token).send().await.expect_done();
    for (account, change) in
        [(&inactive, json!({ "is_active": false })), (&demoted, json!({ "is_superuser": false }))]
    {
        app.put(&path(account)).bearer(token).json(&change).send().await.expect_status(200).json();
    }
    app.delete(&format!("{}/sessions", path(&revoked))).bearer(token).send().await.expect_done();
    app.delete("/users/me").bearer(&closed.tokens.access).send().await.expect_done();
    for account in [gone, inactive, demoted, revoked, closed] {
        everywhere(&app, &account, Reply::expect_invalid_token).await;
    }
}
