//! Refreshing tokens.

use std::sync::Arc;

use inwren_domain::audit::AuditFilter;
use inwren_domain::store::Store;
use inwren_tests::app::{LEEWAY_SECONDS, TestApp, forge};
use inwren_tests::fixtures::audit_events;
use serde_json::json;
use time::Duration;

stories! {
    a_token_is_exchanged_for_its_successor
    a_lost_answer_is_given_again_within_the_grace
    the_grace_ends_exactly
    reuse_ends_the_session_and_no_other
    an_older_token_is_reuse_within_the_grace_too
    without_a_grace_the_second_use_is_reuse
    racing_tabs_get_one_and_the_same_token
    a_refresh_token_expires
    an_access_token_expires
    a_session_ends_however_often_it_is_refreshed
    no_token_outlives_the_session
    a_refused_request_uses_nothing_up
    a_refresh_shows_the_user_as_it_is_now
    an_old_login_stays_old
}

fn sid(token: &str) -> String {
    forge::open(token).1["sid"].as_str().unwrap().to_owned()
}

async fn a_token_is_exchanged_for_its_successor(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::MINUTE);
    let reply = app.try_refresh(&ann.tokens.refresh).await.expect_status(200);
    assert_eq!(reply.json()["expires_in"], 1800);
    assert_eq!(reply.json()["token_type"], "bearer");
    let next = reply.tokens();
    assert_ne!(next.refresh, ann.tokens.refresh);
    assert_ne!(next.access, ann.tokens.access);
    assert_eq!(sid(&next.access), sid(&ann.tokens.access));
    assert_eq!(sid(&next.refresh), sid(&ann.tokens.refresh));
    // Earlier access tokens stay valid until they expire.
    for access in [&ann.tokens.access, &next.access] {
        app.me(access).await.expect_status(200).json();
    }
    let third = app.refresh(&next.refresh).await;
    assert_ne!(third.refresh, next.refresh);
}

async fn a_lost_answer_is_given_again_within_the_grace(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let next = app.refresh(&ann.tokens.refresh).await;
    for _ in 0..3 {
        app.clock.advance(Duration::seconds(9));
        let again = app.refresh(&ann.tokens.refresh).await;
        assert_eq!(again.refresh, next.refresh, "the winner's token, and no other");
        assert_ne!(again.access, next.access);
        app.me(&again.access).await.expect_status(200).json();
    }
    app.refresh(&next.refresh).await;
}

async fn the_grace_ends_exactly(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let next = app.refresh(&ann.tokens.refresh).await;
    app.refresh(&bob.tokens.refresh).await;
    app.clock.advance(Duration::seconds(30) - Duration::microseconds(1));
    assert_eq!(app.refresh(&ann.tokens.refresh).await.refresh, next.refresh);
    app.clock.advance(Duration::microseconds(2));
    app.try_refresh(&bob.tokens.refresh).await.expect_invalid_token();
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    app.try_refresh(&next.refresh).await.expect_invalid_token();
}

async fn reuse_ends_the_session_and_no_other(store: Arc<dyn Store>) {
    let app = TestApp::over(store.clone());
    let ann = app.user_fixture().await;
    let other = app.login(&ann.email).await;
    let next = app.refresh(&ann.tokens.refresh).await;
    app.clock.advance(Duration::MINUTE);
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    app.try_refresh(&next.refresh).await.expect_invalid_token();
    for access in [&ann.tokens.access, &next.access] {
        app.me(access).await.expect_invalid_token();
    }
    app.me(&other.access).await.expect_status(200).json();
    app.refresh(&other.refresh).await;
    let events = audit_events(&*store, &AuditFilter::default()).await.unwrap();
    let reused = events.iter().filter(|event| event.kind.as_str() == "refresh_token_reused");
    assert_eq!(reused.count(), 1);
}

async fn an_older_token_is_reuse_within_the_grace_too(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let second = app.refresh(&ann.tokens.refresh).await;
    let third = app.refresh(&second.refresh).await;
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    app.try_refresh(&second.refresh).await.expect_invalid_token();
    app.try_refresh(&third.refresh).await.expect_invalid_token();
}

async fn without_a_grace_the_second_use_is_reuse(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.refresh_reuse_grace = Duration::ZERO);
    let ann = app.user_fixture().await;
    let next = app.refresh(&ann.tokens.refresh).await;
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    app.try_refresh(&next.refresh).await.expect_invalid_token();
}

async fn racing_tabs_get_one_and_the_same_token(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let tabs = (0..10).map(|_| app.refresh(&ann.tokens.refresh));
    let answers = futures_util::future::join_all(tabs).await;
    for answer in &answers {
        assert_eq!(answer.refresh, answers[0].refresh);
        app.me(&answer.access).await.expect_status(200).json();
    }
    app.refresh(&answers[0].refresh).await;
}

async fn a_refresh_token_expires(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    app.clock.advance(Duration::days(7) - Duration::seconds(1));
    app.refresh(&ann.tokens.refresh).await;
    app.clock.advance(Duration::seconds(1));
    app.try_refresh(&bob.tokens.refresh).await.expect_invalid_token();
    app.clock.advance(Duration::days(30));
    app.try_refresh(&bob.tokens.refresh).await.expect_invalid_token();
}

async fn an_access_token_expires(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(30) - Duration::seconds(1));
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.clock.advance(Duration::seconds(1 + LEEWAY_SECONDS));
    app.me(&ann.tokens.access).await.expect_invalid_token();
    let next = app.refresh(&ann.tokens.refresh).await;
    app.me(&next.access).await.expect_status(200).json();
}

async fn a_session_ends_however_often_it_is_refreshed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut tokens = ann.tokens;
    for _ in 0..17 {
        app.clock.advance(Duration::days(5));
        tokens = app.refresh(&tokens.refresh).await;
    }
    app.clock.advance(Duration::days(5) - Duration::minutes(1));
    tokens = app.refresh(&tokens.refresh).await;
    app.me(&tokens.access).await.expect_status(200).json();
    app.clock.advance(Duration::minutes(1));
    app.try_refresh(&tokens.refresh).await.expect_invalid_token();
    app.me(&tokens.access).await.expect_invalid_token();
}

async fn no_token_outlives_the_session(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.session_max_lifetime = Duration::days(1));
    let ann = app.user_fixture().await;
    let end = app.clock_seconds() + 86_400;
    let exp = |token: &str| forge::open(token).1["exp"].as_i64().unwrap();
    assert_eq!(exp(&ann.tokens.refresh), end);
    app.clock.advance(Duration::days(1) - Duration::minutes(10));
    let reply = app.try_refresh(&ann.tokens.refresh).await.expect_status(200);
    assert_eq!(reply.json()["expires_in"], 600);
    assert_eq!((exp(&reply.tokens().refresh), exp(&reply.tokens().access)), (end, end));
    app.clock.advance(Duration::minutes(10));
    app.me(&reply.tokens().access).await.expect_invalid_token();
}

async fn a_refused_request_uses_nothing_up(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let body = json!({ "refresh_token": ann.tokens.refresh, "scope": "all" });
    app.post("/auth/refresh").json(&body).send().await.expect_invalid(&["/scope"]);
    let text = json!({ "refresh_token": ann.tokens.refresh }).to_string();
    app.post("/auth/refresh")
        .body("text/plain", text.clone())
        .send()
        .await
        .expect_problem(415, "unsupported-media-type");
    app.post("/auth/refresh")
        .body("application/json", &text[1..])
        .send()
        .await
        .expect_problem(400, "malformed-request");
    for wrong in ["", "x", "null", &ann.tokens.access, &format!("{}x", ann.tokens.refresh)] {
        app.try_refresh(wrong).await.expect_invalid_token();
    }
    app.clock.advance(Duration::MINUTE);
    app.refresh(&ann.tokens.refresh).await;
}

async fn a_refresh_shows_the_user_as_it_is_now(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, admin) = (app.user_fixture().await, app.superuser().await);
    let body = json!({ "email": "new@example.org", "tier": "premium", "is_superuser": true });
    let path = format!("/admin/users/{}", ann.id);
    app.put(&path).bearer(&admin.tokens.access).json(&body).send().await.expect_status(200).json();
    let claims = forge::open(&app.refresh(&ann.tokens.refresh).await.access).1;
    assert_eq!(claims["email"], "new@example.org");
    assert_eq!(claims["tier"], "premium");
    assert_eq!(claims["is_superuser"], true);
}

async fn an_old_login_stays_old(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(16));
    let next = app.refresh(&ann.tokens.refresh).await;
    let auth_time = |token: &str| forge::open(token).1["auth_time"].clone();
    assert_eq!(auth_time(&next.access), auth_time(&ann.tokens.access));
    app.delete("/users/me")
        .bearer(&next.access)
        .send()
        .await
        .expect_problem(401, "insufficient-user-authentication");
}
