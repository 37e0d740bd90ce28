//! Every forged token, on every operation that takes a token. The service rejects each without a store query, so the
//! tests use the in-memory store only.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, Reply, TestApp, Tokens, key};
use inwren_tests::fakes::Script;
use inwren_tests::is_long;
use serde_json::json;

use super::protected;
use crate::forgeries::{Forgery, Original};

stories! {
    memory:
    no_forged_access_token_gets_in_anywhere
    no_forged_refresh_token_is_exchanged
    no_forged_token_is_revoked
    no_forged_token_is_active
    no_part_of_a_token_is_a_token
}

/// The largest request body in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// The access token and the refresh token of an account, as originals for forgeries.
fn originals(app: &TestApp, account: &Account) -> [Original; 2] {
    let (tokens, now) = (&account.tokens, app.clock_seconds());
    let access = Original::new(key(), &tokens.access, &tokens.refresh, now);
    [access, Original::new(key(), &tokens.refresh, &tokens.access, now)]
}

/// In a normal run, each token is presented at one of so many operations, and each operation meets one of so many
/// tokens: all operations share the code that verifies tokens. A long run presents all tokens everywhere.
const STRIDE: usize = 8;

/// Checks that no operation accepts any of these tokens or queries the store for one.
pub(super) async fn all_are_refused(app: &TestApp, asked: &Script, forgeries: &[Forgery]) {
    let operations = protected::operations(app);
    let presented = forgeries.iter().filter(|forgery| forgery.fits_a_header());
    for (first, Forgery { what, token }) in presented.enumerate() {
        let step = if is_long() { 1 } else { STRIDE };
        for operation in operations.iter().skip(first % step).step_by(step) {
            let reply = protected::attempt(app, operation).bearer(token).send().await;
            assert_eq!(reply.status, 401, "{what}: {reply}");
            reply.expect_invalid_token();
        }
        assert!(asked.take_calls().is_empty(), "{what}: the store was asked before the token was checked");
    }
    println!("{} forged tokens at {} operations", forgeries.len(), operations.len());
}

async fn no_forged_access_token_gets_in_anywhere(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let admin = app.superuser().await;
    let [access, _] = originals(&app, &admin);
    app.me(&access.copy()).await.expect_status(200).json();
    asked.take_calls();
    all_are_refused(&app, &asked, &access.forgeries()).await;
    app.me(&admin.tokens.access).await.expect_status(200).json();
}

async fn no_forged_refresh_token_is_exchanged(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let ann = app.user_fixture().await;
    let [_, refresh] = originals(&app, &ann);
    asked.take_calls();
    for Forgery { what, token } in refresh.forgeries() {
        let reply = app.try_refresh(&token).await;
        if is_too_large(&reply, &token) {
            continue;
        }
        assert_eq!(reply.status, 401, "{what}: {reply}");
        reply.expect_invalid_token();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let error = if token.is_empty() { "invalid_request" } else { "invalid_grant" };
        let reply = app.post("/auth/access-token").form(&form).send().await;
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!(error)), "{what}: {reply}");
        assert!(asked.take_calls().is_empty(), "{what}: the store was asked before the token was checked");
    }
    app.refresh(&refresh.copy()).await;
}

/// The response does not reveal whether there was a token to revoke (RFC 7009 section 2.2).
async fn no_forged_token_is_revoked(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let ann = app.user_fixture().await;
    asked.take_calls();
    for Forgery { what, token } in worthless(&app, &ann) {
        let reply = app.post("/auth/revoke").form(&[("token", &token)]).send().await;
        if !is_too_large(&reply, &token) {
            assert_eq!((reply.status, reply.text()), (200, ""), "{what}: {reply}");
        }
        assert!(asked.take_calls().is_empty(), "{what}: the store was asked before the token was checked");
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.refresh(&ann.tokens.refresh).await;
}

async fn no_forged_token_is_active(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    asked.take_calls();
    for Forgery { what, token } in worthless(&app, &ann) {
        let call = app.post("/auth/introspect").bearer(&boss.tokens.access).form(&[("token", &token)]);
        let reply = call.send().await;
        if !is_too_large(&reply, &token) {
            assert_eq!((reply.status, reply.json()), (200, json!({ "active": false })), "{what}: {reply}");
        }
        // The service queries the store for the caller, but not for the forged token.
        assert_eq!(asked.take_calls(), ["read", "sessions.with_user"], "{what}");
    }
}

/// The forgeries of both tokens. Excludes the valid tokens, because these operations accept both classes.
fn worthless(app: &TestApp, account: &Account) -> Vec<Forgery> {
    let good = [&account.tokens.access, &account.tokens.refresh];
    let all = originals(app, account).into_iter().flat_map(|original| original.forgeries());
    all.filter(|forgery| !forgery.token.is_empty() && !good.contains(&&forgery.token)).collect()
}

/// Whether the token exceeds the body limit. The service then rejects the request before reading the body.
fn is_too_large(reply: &Reply, token: &str) -> bool {
    let is_too_large = token.len() > BODY_LIMIT;
    if is_too_large {
        reply.expect_problem(413, "body-too-large");
    }
    is_too_large
}

/// A token that is truncated at either end, or that has extra bytes at its end, is invalid.
async fn no_part_of_a_token_is_a_token(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let ann = app.user_fixture().await;
    asked.take_calls();
    let Tokens { access, refresh } = &ann.tokens;
    for length in 0..access.len() {
        app.me(&access[..length]).await.expect_invalid_token();
        app.me(&access[access.len() - length..]).await.expect_invalid_token();
    }
    for length in 0..refresh.len() {
        app.try_refresh(&refresh[..length]).await.expect_invalid_token();
    }
    for end in ["A", "=", ".", "%00", "\u{a0}", "AA=="] {
        app.try_refresh(&format!("{refresh}{end}")).await.expect_invalid_token();
    }
    assert!(asked.take_calls().is_empty(), "the store was asked before the token was checked");
    app.refresh(refresh).await;
}
