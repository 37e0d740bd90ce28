//! Limits of the letters that requests ask for. The responses do not show them.

use std::sync::Arc;

use inwren_domain::account::EmailVerification::{Optional, Required};
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp};
use inwren_tests::fixtures::unique;
use serde_json::json;
use time::Duration;

use super::outbox;

stories! {
    one_letter_per_minute_goes_to_an_address
    five_letters_per_hour_go_to_an_address
    twenty_letters_per_day_go_to_an_address
    all_requests_share_the_limits_of_the_address
    one_client_requests_five_letters_per_minute
    limited_request_gets_the_same_response
    limited_registration_still_creates_the_user
    refused_registration_leaves_the_allowance
    refused_tokens_are_limited_at_resend
    turned_off_limits_allow_all_letters
}

fn limited(store: Arc<dyn Store>) -> TestApp {
    TestApp::with_mail(store, |config| {
        config.limits.enabled = true;
        config.rules.email_verification = Required;
    })
}

/// A client address that no other call has used.
fn client() -> String {
    let n = unique();
    format!("198.18.{}.{}", (n / 250) % 250, n % 250 + 1)
}

async fn post(app: &TestApp, path: &str, address: &str, from: &str) -> Reply {
    let body = match path {
        "/auth/register" => json!({ "email": address, "password": PASSWORD }),
        _ => json!({ "email": address }),
    };
    app.post(path).from(from).json(&body).send().await.expect_status(202)
}

const FORGOT: &str = "/auth/password/forgot";

async fn one_letter_per_minute_goes_to_an_address(store: Arc<dyn Store>) {
    let app = limited(store);
    for address in ["ann@example.org", "Ann@Example.org", " ANN@example.org"] {
        post(&app, FORGOT, address, &client()).await;
        assert_eq!(outbox(&app).await.len(), 1, "{address}");
    }
    post(&app, FORGOT, "bob@example.org", &client()).await;
    assert_eq!(outbox(&app).await.len(), 2);
    app.clock.advance(Duration::MINUTE);
    post(&app, FORGOT, "ann@example.org", &client()).await;
    assert_eq!(outbox(&app).await.len(), 3);
}

/// Requests a letter every minute, and returns how many were sent.
async fn every_minute(app: &TestApp, minutes: u32) -> usize {
    let before = outbox(app).await.len();
    for _ in 0..minutes {
        post(app, FORGOT, "ann@example.org", &client()).await;
        app.clock.advance(Duration::MINUTE);
    }
    outbox(app).await.len() - before
}

async fn five_letters_per_hour_go_to_an_address(store: Arc<dyn Store>) {
    let app = limited(store);
    assert_eq!(every_minute(&app, 11).await, 5);
    // The allowance comes back bit by bit: a fifth in twelve minutes.
    app.clock.advance(Duration::MINUTE);
    assert_eq!(every_minute(&app, 1).await, 1);
}

async fn twenty_letters_per_day_go_to_an_address(store: Arc<dyn Store>) {
    let app = limited(store);
    let mut sent = 0;
    for _ in 0..8 {
        sent += every_minute(&app, 6).await;
        app.clock.advance(Duration::minutes(54));
    }
    // Twenty at once, and those that have come back in seven hours.
    assert!((20..=26).contains(&sent), "{sent}");
    assert!(every_minute(&app, 6).await <= 1);
}

async fn all_requests_share_the_limits_of_the_address(store: Arc<dyn Store>) {
    let paths = ["/auth/register", FORGOT, "/auth/verify-email/resend"];
    for (first, then) in [(0, 1), (1, 2), (2, 0), (0, 0)] {
        let app = limited(store.clone());
        let before = outbox(&app).await.len();
        let address = format!("user-{}@example.org", unique());
        post(&app, paths[first], &address, &client()).await;
        post(&app, paths[then], &address, &client()).await;
        assert_eq!(outbox(&app).await.len(), before + 1, "{} {}", paths[first], paths[then]);
    }
}

async fn one_client_requests_five_letters_per_minute(store: Arc<dyn Store>) {
    let app = limited(store);
    let from = client();
    for n in 0..8 {
        post(&app, FORGOT, &format!("user-{n}@example.org"), &from).await;
    }
    assert_eq!(outbox(&app).await.len(), 5);
    // What the client may not request uses nothing of the address.
    post(&app, FORGOT, "user-7@example.org", &client()).await;
    assert_eq!(outbox(&app).await.len(), 6);
    app.clock.advance(Duration::seconds(12));
    post(&app, FORGOT, "user-8@example.org", &from).await;
    assert_eq!(outbox(&app).await.len(), 7);
}

async fn limited_request_gets_the_same_response(store: Arc<dyn Store>) {
    let app = limited(store);
    for path in [FORGOT, "/auth/verify-email/resend"] {
        let from = client();
        let first = post(&app, path, &format!("{}@example.org", unique()), &from).await;
        let address = format!("{}@example.org", unique());
        for _ in 0..8 {
            let reply = post(&app, path, &address, &from).await;
            super::same_responses::expect_same(&first, &reply);
            assert_eq!(reply.header("ratelimit"), None);
        }
    }
    let address = format!("{}@example.org", unique());
    let first = post(&app, "/auth/register", &address, &client()).await;
    super::same_responses::expect_same(&first, &post(&app, "/auth/register", &address, &client()).await);
}

async fn limited_registration_still_creates_the_user(store: Arc<dyn Store>) {
    let app = TestApp::with_mail(store, |config| {
        config.limits.enabled = true;
        config.rules.email_verification = Optional;
    });
    post(&app, FORGOT, "ann@example.org", &client()).await;
    app.register("ann@example.org").await;
    app.login("ann@example.org").await;
    assert_eq!(outbox(&app).await.len(), 1);
}

async fn refused_registration_leaves_the_allowance(store: Arc<dyn Store>) {
    let app = limited(store);
    for (password, tier) in [("short", "free"), ("ann@example.org", "free"), (PASSWORD, "unheard-of")] {
        let body = json!({ "email": "ann@example.org", "password": password, "tier": tier });
        let refused = app.post("/auth/register").from(&client()).json(&body).send().await;
        assert!(refused.status >= 400, "{refused}");
    }
    post(&app, "/auth/register", "ann@example.org", &client()).await;
    assert_eq!(outbox(&app).await.len(), 1);
}

async fn refused_tokens_are_limited_at_resend(store: Arc<dyn Store>) {
    let app = limited(store);
    let from = client();
    let resend = async || {
        let call = app.post("/auth/verify-email/resend").from(&from).bearer("made.up.token");
        call.json(&json!({ "email": "ann@example.org" })).send().await
    };
    for _ in 0..5 {
        resend().await.expect_problem(401, "invalid-token");
    }
    resend().await.expect_problem(429, "rate-limited");
    assert!(outbox(&app).await.is_empty());
}

async fn turned_off_limits_allow_all_letters(store: Arc<dyn Store>) {
    let app = TestApp::with_mail(store, |_| ());
    for _ in 0..30 {
        post(&app, FORGOT, "ann@example.org", "192.0.2.1").await;
    }
    assert_eq!(outbox(&app).await.len(), 30);
}
