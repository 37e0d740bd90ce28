//! Users who have lost their factors can have them removed after an announced delay.

use std::sync::Arc;

use inwren_domain::account::lost_factor::remove_due;
use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp};
use inwren_tests::authenticator::Authenticator;
use inwren_tests::fakes::{kind_in, token_in};
use serde_json::{Value, json};
use time::Duration;

use super::{
    Member, change_password, configured, events, expect_ended, expect_live, first_step, letters, log_in,
    log_in_by_passkey, member, passkey_user, relying_party, step_up,
};

stories! {
    request_reveals_nothing
    removal_is_announced_four_times
    factors_are_removed_when_due
    link_cancels_the_removal
    login_with_the_factor_cancels_the_removal
    step_up_and_passkey_cancel_the_removal
    changed_password_cancels_the_removal
    password_alone_cancels_nothing
    second_request_does_not_prolong_the_delay
    disabled_requests_are_not_found
    without_mail_the_request_is_refused
    invalid_links_are_refused
}

const KIND: &str = "factor_removal_requested";

fn app(store: Arc<dyn Store>) -> TestApp {
    configured(store, |factors| factors.lost_factor_delay = Duration::hours(72))
}

async fn request(app: &TestApp, email: &str, password: &str) -> Reply {
    app.post("/auth/lost-factor").json(&json!({ "email": email, "password": password })).send().await
}

async fn expect_requested(app: &TestApp, ann: &Member) {
    let reply = request(app, ann.email(), PASSWORD).await;
    assert_eq!((reply.status, reply.text()), (202, ""), "{reply}");
}

async fn cancel(app: &TestApp, token: &str) -> Reply {
    app.post("/auth/lost-factor/cancel").json(&json!({ "token": token })).send().await
}

/// The token of the newest announcement.
async fn link(app: &TestApp, email: &str) -> String {
    let letters = app.letters_to(email).await;
    let newest = letters.iter().rev().find(|letter| kind_in(letter) == KIND).expect("a letter");
    token_in(newest).expect("a link").to_owned()
}

/// Removes all factors that are due, as a worker does.
async fn sweep(app: &TestApp) {
    while remove_due(&app.state.core).await.expect("a sweep") {}
}

/// Checks that the factor is still there when the delay is over.
async fn expect_kept(app: &TestApp, email: &str, password: &str) {
    app.clock.advance(Duration::hours(80));
    sweep(app).await;
    app.try_login(email, password).await.expect_problem(401, "second-factor-required");
    assert_eq!(letters(app, email, "factors_removed").await, 0);
}

async fn request_reveals_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, app.user_fixture().await);
    let first = request(&app, ann.email(), PASSWORD).await;
    for (email, password) in [
        (ann.email(), "wrong password"),
        (ann.email(), PASSWORD),
        (bob.email.as_str(), PASSWORD),
        ("nobody@example.org", PASSWORD),
    ] {
        let reply = request(&app, email, password).await;
        assert_eq!((reply.status, &reply.body), (202, &first.body), "{reply}");
        assert_eq!(reply.headers.len(), first.headers.len(), "{reply}");
    }
    assert_eq!(letters(&app, ann.email(), KIND).await, 1);
    assert_eq!(letters(&app, &bob.email, KIND).await, 0);
    for body in [json!({}), json!({ "email": ann.email() }), json!({ "password": PASSWORD })] {
        let reply = app.post("/auth/lost-factor").json(&body).send().await;
        reply.expect_problem(422, "validation-failed");
    }
    // Sessions live on until the factors are removed.
    expect_live(&app, &ann.account.tokens).await;
}

async fn removal_is_announced_four_times(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_requested(&app, &ann).await;
    assert_eq!(events(&app, &ann.account, AuditEventKind::FactorRemovalRequested).await.len(), 1);
    let mut expected = 1;
    for (hours, is_due) in
        [(0, false), (23, false), (24, true), (47, false), (48, true), (70, false), (71, true)]
    {
        let begun = app.clock_seconds();
        let at = Duration::hours(hours) - Duration::seconds(begun - 1_900_000_000);
        app.clock.advance(at);
        expected += usize::from(is_due);
        assert_eq!(letters(&app, ann.email(), KIND).await, expected, "{hours}");
    }
    // Each letter has the same link, which works until the end.
    cancel(&app, &link(&app, ann.email()).await).await.expect_done();
}

async fn factors_are_removed_when_due(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let strong = log_in(&app, &ann).await;
    expect_requested(&app, &ann).await;
    app.clock.advance(Duration::hours(72) - Duration::SECOND);
    sweep(&app).await;
    first_step(&app, ann.email()).await;
    let refreshed = app.refresh(&strong.refresh).await;
    app.clock.advance(Duration::SECOND * 2);
    sweep(&app).await;
    let tokens = app.login(ann.email()).await;
    assert_eq!(super::factors(&app, &tokens).await, json!({ "items": [], "recovery_codes_left": 0 }));
    expect_ended(&app, &refreshed).await;
    app.try_refresh(&ann.account.tokens.refresh).await.expect_invalid_token();
    assert_eq!(letters(&app, ann.email(), "factors_removed").await, 1);
    let removed = events(&app, &ann.account, AuditEventKind::FactorsRemoved).await;
    assert_eq!((removed.len(), removed[0].actor_id), (1, None));
    // Nothing is removed twice.
    let again = super::enrol_totp(&app, inwren_tests::app::Account { tokens, ..ann.account }).await;
    sweep(&app).await;
    log_in(&app, &again).await;
}

async fn link_cancels_the_removal(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_requested(&app, &ann).await;
    let token = link(&app, ann.email()).await;
    cancel(&app, &token).await.expect_done();
    cancel(&app, &token).await.expect_problem(400, "invalid-action-token");
    assert_eq!(events(&app, &ann.account, AuditEventKind::FactorRemovalCancelled).await.len(), 1);
    expect_kept(&app, ann.email(), PASSWORD).await;
    // The announcements that were still to come are not sent.
    assert_eq!(letters(&app, ann.email(), KIND).await, 1);
    // A new request starts the delay again.
    expect_requested(&app, &ann).await;
    assert_eq!(letters(&app, ann.email(), KIND).await, 2);
}

async fn login_with_the_factor_cancels_the_removal(store: Arc<dyn Store>) {
    let app = app(store);
    for method in ["totp", "recovery_code"] {
        let ann = member(&app).await;
        expect_requested(&app, &ann).await;
        let token = link(&app, ann.email()).await;
        if method == "totp" {
            log_in(&app, &ann).await;
        } else {
            let asked = first_step(&app, ann.email()).await;
            let reply = super::answer(&app, &asked, method, &ann.recovery_codes[0]).await;
            reply.expect_status(200).tokens();
        }
        cancel(&app, &token).await.expect_problem(400, "invalid-action-token");
        expect_kept(&app, ann.email(), PASSWORD).await;
    }
}

async fn step_up_and_passkey_cancel_the_removal(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_requested(&app, &ann).await;
    let body = json!({ "method": "totp", "code": ann.code(&app, 1) });
    step_up(&app, &ann.account.tokens, &body).await.expect_status(200).tokens();
    expect_kept(&app, ann.email(), PASSWORD).await;
    let mut device = Authenticator::new();
    let bob = passkey_user(&app, &mut device).await;
    request(&app, &bob.email, PASSWORD).await.expect_status(202).text();
    log_in_by_passkey(&app, &mut device).await;
    expect_kept(&app, &bob.email, PASSWORD).await;
}

async fn changed_password_cancels_the_removal(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let strong = log_in(&app, &ann).await;
    expect_requested(&app, &ann).await;
    change_password(&app, &strong).await.expect_status(200).tokens();
    expect_kept(&app, ann.email(), super::CHOSEN).await;
}

async fn password_alone_cancels_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_requested(&app, &ann).await;
    first_step(&app, ann.email()).await;
    super::guess(&app, &ann, "totp", 3).await;
    step_up(&app, &ann.account.tokens, &json!({ "password": PASSWORD })).await.expect_status(200).tokens();
    app.clock.advance(Duration::hours(72));
    app.clock.advance(Duration::SECOND);
    sweep(&app).await;
    app.login(ann.email()).await;
}

async fn second_request_does_not_prolong_the_delay(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_requested(&app, &ann).await;
    app.clock.advance(Duration::hours(70));
    let before = letters(&app, ann.email(), KIND).await;
    expect_requested(&app, &ann).await;
    assert_eq!(letters(&app, ann.email(), KIND).await, before);
    assert_eq!(events(&app, &ann.account, AuditEventKind::FactorRemovalRequested).await.len(), 1);
    app.clock.advance(Duration::hours(2) + Duration::SECOND);
    sweep(&app).await;
    app.login(ann.email()).await;
}

async fn disabled_requests_are_not_found(store: Arc<dyn Store>) {
    let app = configured(store, |factors| factors.lost_factor_delay = Duration::ZERO);
    let ann = member(&app).await;
    for password in [PASSWORD, "wrong password"] {
        request(&app, ann.email(), password).await.expect_problem(404, "not-found");
    }
    assert_eq!(letters(&app, ann.email(), KIND).await, 0);
}

async fn without_mail_the_request_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.rules.factors.relying_party = Some(relying_party());
        config.rules.factors.lost_factor_delay = Duration::hours(72);
    });
    let ann = member(&app).await;
    for password in [PASSWORD, "wrong password"] {
        request(&app, ann.email(), password).await.expect_problem(501, "mail-not-configured");
    }
    log_in(&app, &ann).await;
}

async fn invalid_links_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_requested(&app, &ann).await;
    let token = link(&app, ann.email()).await;
    let same = |mut body: Value| {
        body["request_id"] = Value::Null;
        body
    };
    let mut bodies = Vec::new();
    for wrong in [token.to_lowercase(), token[4..].to_owned(), "x".to_owned(), String::new()] {
        bodies.push(same(cancel(&app, &wrong).await.expect_problem(400, "invalid-action-token")));
    }
    // The link is none for another purpose.
    let reset = json!({ "token": token, "new_password": super::CHOSEN });
    let reply = app.post("/auth/password/reset").json(&reset).send().await;
    bodies.push(same(reply.expect_problem(400, "invalid-action-token")));
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    app.clock.advance(Duration::hours(72));
    cancel(&app, &token).await.expect_problem(400, "invalid-action-token");
}
