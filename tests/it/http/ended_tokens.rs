//! Correctly signed tokens whose user, session or rights no longer exist or do not belong together. The service makes
//! one store query for each.

use std::sync::Arc;

use inwren_domain::audit::{AuditEvent, AuditFilter};
use inwren_domain::store::Store;
use inwren_tests::app::{Account, TestApp, Tokens, forge, key};
use inwren_tests::fakes::Script;
use inwren_tests::fixtures::audit_events;
use serde_json::{Value, json};

use super::protected;
use crate::forgeries::Original;

stories! {
    what_has_ended_is_refused_everywhere
    tokens_that_are_not_of_one_piece_are_refused_everywhere
    rights_are_those_of_the_store
}

struct Counted {
    app: TestApp,
    asked: Arc<Script>,
    store: Arc<dyn Store>,
}

impl Counted {
    fn over(store: Arc<dyn Store>) -> Self {
        let (app, asked) = TestApp::counted(store.clone());
        Self { app, asked, store }
    }

    /// Tries an access token on every operation. The service makes one read-only query.
    async fn expect_refused_everywhere(&self, what: &str, access_token: &str) {
        self.asked.take_calls();
        for operation in protected::operations(&self.app) {
            let reply = protected::attempt(&self.app, &operation).bearer(access_token).send().await;
            assert_eq!(reply.status, 401, "{what}: {reply}");
            reply.expect_invalid_token();
            assert_eq!(self.asked.take_calls(), ["read", "sessions.with_user"], "{what}: {reply}");
        }
    }

    /// Tries a refresh token on every operation that exchanges one. The service records no audit event.
    async fn expect_not_exchanged(&self, refresh_token: &str) {
        let before = self.audit().await;
        self.asked.take_calls();
        self.app.try_refresh(refresh_token).await.expect_invalid_token();
        assert_eq!(self.asked.take_calls(), ["rotate_session"]);
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
        assert_eq!(self.asked.take_calls(), ["rotate_session"]);
        assert_eq!(self.audit().await, before);
    }

    async fn audit(&self) -> Vec<AuditEvent> {
        audit_events(&*self.store, &AuditFilter::default()).await.expect("events")
    }

    async fn expect_inactive(&self, boss: &Tokens, token: &str) {
        let call = self.app.post("/auth/introspect").bearer(&boss.access).form(&[("token", token)]);
        assert_eq!(call.send().await.expect_status(200).json(), json!({ "active": false }));
    }
}

fn path(account: &Account) -> String {
    format!("/admin/users/{}", account.id)
}

async fn what_has_ended_is_refused_everywhere(store: Arc<dyn Store>) {
    let counted = Counted::over(store);
    let app = &counted.app;
    let boss = app.superuser().await;
    let bearer = &boss.tokens.access;
    let mut ended = Vec::new();

    let account = app.superuser().await;
    app.delete(&path(&account)).bearer(bearer).send().await.expect_done();
    ended.push(("deleted", account.tokens));
    for (what, change) in
        [("deactivated", json!({ "is_active": false })), ("demoted", json!({ "is_superuser": false }))]
    {
        let account = app.superuser().await;
        app.put(&path(&account)).bearer(bearer).json(&change).send().await.expect_status(200).json();
        ended.push((what, account.tokens));
    }
    let account = app.superuser().await;
    app.delete(&format!("{}/sessions", path(&account))).bearer(bearer).send().await.expect_done();
    ended.push(("revoked by an administrator", account.tokens));
    let account = app.superuser().await;
    app.delete("/users/me").bearer(&account.tokens.access).send().await.expect_done();
    ended.push(("deactivated by its user", account.tokens));
    let account = app.superuser().await;
    app.post("/auth/logout").bearer(&account.tokens.access).send().await.expect_done();
    ended.push(("logged out", account.tokens));
    let account = app.superuser().await;
    let revoked = app.post("/auth/revoke").form(&[("token", &account.tokens.refresh)]).send().await;
    assert_eq!(revoked.status, 200, "{revoked}");
    ended.push(("revoked by a token", account.tokens));
    let account = app.superuser().await;
    let here = app.login(&account.email).await;
    app.delete("/users/me/sessions").bearer(&here.access).send().await.expect_done();
    ended.push(("revoked from another session", account.tokens));

    for (what, tokens) in ended {
        counted.expect_refused_everywhere(what, &tokens.access).await;
        counted.expect_not_exchanged(&tokens.refresh).await;
        counted.expect_inactive(&boss.tokens, &tokens.access).await;
        counted.expect_inactive(&boss.tokens, &tokens.refresh).await;
    }
}

/// Only the holder of the signing key can make these tokens. The store still decides.
async fn tokens_that_are_not_of_one_piece_are_refused_everywhere(store: Arc<dyn Store>) {
    let counted = Counted::over(store);
    let app = &counted.app;
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let nobody = json!("00000000-0000-7000-8000-000000000000");
    let sid = |account: &Account| forge::open(&account.tokens.access).1["sid"].clone();
    let original = Original::new(key(), &ann.tokens.access, &ann.tokens.refresh, app.clock_seconds());
    for (what, name, value) in [
        ("another user", "sub", json!(boss.id)),
        ("a user that there is not", "sub", nobody.clone()),
        ("the session of another", "sid", sid(&boss)),
        ("a session that there is not", "sid", nobody),
    ] {
        counted.expect_refused_everywhere(what, &original.with_claim(name, value)).await;
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
}

async fn rights_are_those_of_the_store(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, demoted) = (app.superuser().await, app.superuser().await);
    let change = json!({ "is_superuser": false });
    let call = app.put(&path(&demoted)).bearer(&boss.tokens.access).json(&change);
    call.send().await.expect_status(200).json();
    let tokens = app.login(&demoted.email).await;
    let original = Original::new(key(), &tokens.access, &tokens.refresh, app.clock_seconds());
    let promoted = original.with_claim("is_superuser", json!(true));
    for operation in protected::operations(&app) {
        if operation.path.starts_with("/admin") || operation.id() == "introspect_token" {
            let reply = protected::attempt(&app, &operation).bearer(&promoted).send().await;
            reply.expect_problem(403, "not-permitted");
        }
    }
    let rich = original.with_claim("tier", json!("enterprise"));
    assert_eq!(app.me(&rich).await.json()["tier"], Value::from("free"));
}
