//! Changing the caller's password.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp, forge};
use serde_json::json;
use time::Duration;

stories! {
    a_change_ends_the_other_sessions_and_rekeys_the_own
    the_token_of_before_has_no_grace_and_ends_nothing
    the_current_password_is_always_asked_for
    a_change_needs_a_recent_login
    a_change_counts_as_a_login
    a_new_password_is_checked
    nothing_of_a_password_is_cut_off_or_changed
    the_fields_are_checked
    of_two_changes_one_succeeds
}

const NEW: &str = "even more secure 456";

async fn change(app: &TestApp, access_token: &str, current: &str, new: &str) -> Reply {
    let body = json!({ "current_password": current, "new_password": new });
    app.post("/users/me/password").bearer(access_token).json(&body).send().await
}

async fn a_change_ends_the_other_sessions_and_rekeys_the_own(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let other = app.login(&ann.email).await;
    let reply = change(&app, &ann.tokens.access, PASSWORD, NEW).await.expect_status(200);
    let next = reply.tokens();
    let sid = |token: &str| forge::open(token).1["sid"].clone();
    assert_eq!(sid(&next.access), sid(&ann.tokens.access));
    assert_eq!(sid(&next.refresh), sid(&ann.tokens.access));
    app.me(&next.access).await.expect_status(200).json();
    app.me(&other.access).await.expect_invalid_token();
    app.try_refresh(&other.refresh).await.expect_invalid_token();
    app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    app.try_login(&ann.email, NEW).await.expect_status(200).tokens();
    app.refresh(&next.refresh).await;
    app.refresh(&bob.tokens.refresh).await;
}

async fn the_token_of_before_has_no_grace_and_ends_nothing(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let second = app.refresh(&ann.tokens.refresh).await;
    let next = change(&app, &second.access, PASSWORD, NEW).await.expect_status(200).tokens();
    for old in [&second.refresh, &ann.tokens.refresh] {
        app.try_refresh(old).await.expect_invalid_token();
        app.me(&next.access).await.expect_status(200).json();
    }
    let after = app.refresh(&next.refresh).await;
    app.try_refresh(&second.refresh).await.expect_invalid_token();
    // The reuse grace applies again to tokens that were issued after the change.
    assert_eq!(app.refresh(&next.refresh).await.refresh, after.refresh);
}

async fn the_current_password_is_always_asked_for(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    for wrong in ["", "wrong password", NEW, &PASSWORD.to_uppercase()] {
        change(&app, &ann.tokens.access, wrong, NEW).await.expect_problem(401, "invalid-credentials");
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.login(&ann.email).await;
    app.refresh(&ann.tokens.refresh).await;
}

async fn a_change_needs_a_recent_login(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    let reply = change(&app, &ann.tokens.access, PASSWORD, NEW).await;
    reply.expect_problem(401, "insufficient-user-authentication");
    assert!(reply.header("www-authenticate").unwrap().contains("max_age=\"900\""));
    let fresh = app.login(&ann.email).await;
    change(&app, &fresh.access, PASSWORD, NEW).await.expect_status(200).tokens();
}

async fn a_change_counts_as_a_login(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(14));
    let next = change(&app, &ann.tokens.access, PASSWORD, NEW).await.expect_status(200).tokens();
    app.clock.advance(Duration::minutes(14));
    assert_eq!(forge::open(&next.access).1["auth_time"], app.clock_seconds() - 14 * 60);
    app.delete("/users/me").bearer(&next.access).send().await.expect_done();
}

async fn a_new_password_is_checked(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    for weak in ["", "short", "password", "12345678", &ann.email, &"x".repeat(129)] {
        change(&app, &ann.tokens.access, PASSWORD, weak).await.expect_invalid(&["/new_password"]);
    }
    app.login(&ann.email).await;
    change(&app, &ann.tokens.access, PASSWORD, &"ü".repeat(128)).await.expect_status(200).tokens();
    app.try_login(&ann.email, &"u\u{308}".repeat(128)).await.expect_status(200).tokens();
}

async fn the_fields_are_checked(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let tries = [
        (json!({}), &["/current_password", "/new_password"][..]),
        (json!({ "current_password": PASSWORD }), &["/new_password"]),
        (json!({ "new_password": NEW }), &["/current_password"]),
        (json!({ "current_password": PASSWORD, "new_password": null }), &["/new_password"]),
        (json!({ "current_password": 1, "new_password": [NEW] }), &["/current_password", "/new_password"]),
        (json!({ "current_password": PASSWORD, "new_password": NEW, "user_id": ann.id }), &["/user_id"]),
    ];
    for (body, pointers) in tries {
        let call = app.post("/users/me/password").bearer(&ann.tokens.access).json(&body);
        call.send().await.expect_invalid(pointers);
    }
    app.login(&ann.email).await;
}

async fn of_two_changes_one_succeeds(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let access = &ann.tokens.access;
    let (a, b) = tokio::join!(
        change(&app, access, PASSWORD, "first new one"),
        change(&app, access, PASSWORD, "second new one")
    );
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{a} {b}");
    let winner = if a.status == 200 { (&a, "first new one") } else { (&b, "second new one") };
    app.refresh(&winner.0.tokens().refresh).await;
    app.try_login(&ann.email, winner.1).await.expect_status(200).tokens();
}

/// The service does not truncate a password after 72 bytes, at a NUL or at its ends, and treats no two different
/// letters as equal.
async fn nothing_of_a_password_is_cut_off_or_changed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let long = format!("{}Z", "a long pass phrase. ".repeat(7).get(..127).unwrap());
    let cases = [
        (long.clone(), vec![long[..127].to_owned(), format!("{}Y", &long[..127]), long[..72].to_owned()]),
        ("nul\0 in the middle".to_owned(), vec!["nul".to_owned(), "nul\0 at the middle".to_owned()]),
        (" blanks at both ends ".to_owned(), vec!["blanks at both ends".to_owned()]),
        ("Upper and lower".to_owned(), vec!["upper and lower".to_owned()]),
        (
            "ä 🦀 and 漢字, too".to_owned(),
            vec!["a 🦀 and 漢字, too".to_owned(), "ä 🦀 and 漢, too".to_owned()],
        ),
    ];
    for (password, others) in cases {
        let ann = app.user_fixture().await;
        let tokens = change(&app, &ann.tokens.access, PASSWORD, &password).await.expect_status(200).tokens();
        app.try_login(&ann.email, &password).await.expect_status(200).tokens();
        let form = [("username", ann.email.as_str()), ("password", password.as_str())];
        app.post("/auth/access-token").form(&form).send().await.expect_status(200).tokens();
        for other in others {
            app.try_login(&ann.email, &other).await.expect_problem(401, "invalid-credentials");
            let form = [("username", ann.email.as_str()), ("password", other.as_str())];
            app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
            change(&app, &tokens.access, &other, NEW).await.expect_problem(401, "invalid-credentials");
        }
    }
}
