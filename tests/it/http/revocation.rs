//! Token revocation (RFC 7009).

use std::sync::Arc;

use inwren_domain::kernel::StoreError;
use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp};
use inwren_tests::fakes::faulty_store;

use crate::forgeries;

stories! {
    either_token_ends_its_session_and_no_other
    unknown_token_gets_the_same_response
    a_form_without_a_token_is_refused
    failed_revocation_is_reported
    revocations_are_limited
}

async fn revoke(app: &TestApp, token: &str) -> Reply {
    app.post("/auth/revoke").form(&[("token", token)]).send().await
}

#[track_caller]
fn expect_done(reply: &Reply) {
    assert_eq!((reply.status, reply.text()), (200, ""), "{reply}");
}

async fn either_token_ends_its_session_and_no_other(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for hint in ["access_token", "refresh_token", "rubbish", ""] {
        for which in 0..2 {
            let ann = app.user_fixture().await;
            let other = app.login(&ann.email).await;
            let token = [&ann.tokens.access, &ann.tokens.refresh][which];
            let form = [("token", token.as_str()), ("token_type_hint", hint), ("client_id", "x")];
            expect_done(&app.post("/auth/revoke").form(&form).send().await);
            expect_done(&revoke(&app, token).await);
            app.me(&ann.tokens.access).await.expect_invalid_token();
            app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
            app.me(&other.access).await.expect_status(200).json();
            app.refresh(&other.refresh).await;
        }
    }
}

async fn unknown_token_gets_the_same_response(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let foreign = forgeries::foreign(&ann.tokens.access);
    for token in ["x", "a.b.c", &"x".repeat(9_000), &foreign] {
        expect_done(&revoke(&app, token).await);
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
}

async fn a_form_without_a_token_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for form in [&[][..], &[("token", "")], &[("token", "a"), ("token", "b")], &[("tokens", "a")]] {
        app.post("/auth/revoke").form(form).send().await.expect_oauth_error("invalid_request");
    }
    app.post("/auth/revoke")
        .body("application/json", "{}")
        .send()
        .await
        .expect_problem(415, "unsupported-media-type");
    let query = app.post("/auth/revoke?token=x").form(&[]).send().await;
    query.expect_oauth_error("invalid_request");
}

/// A failed revocation must never be reported as done: the client would trust that the token is revoked.
async fn failed_revocation_is_reported(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store);
    let app = TestApp::over(faulty);
    let ann = app.user_fixture().await;
    script.fail("sessions.revoke", StoreError::Unavailable("away".to_owned()));
    revoke(&app, &ann.tokens.refresh).await.expect_problem(503, "unavailable");
    app.me(&ann.tokens.access).await.expect_status(200).json();
    expect_done(&revoke(&app, &ann.tokens.refresh).await);
    app.me(&ann.tokens.access).await.expect_invalid_token();
}

async fn revocations_are_limited(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    for _ in 0..10 {
        expect_done(&revoke(&app, "x").await);
    }
    revoke(&app, "x").await.expect_problem(429, "rate-limited");
}
