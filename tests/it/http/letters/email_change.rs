//! Changes of address: their confirmation and their undo.

use std::sync::Arc;

use inwren_domain::account::EmailVerification::{Off, Optional, Required};
use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, Reply, TestApp};
use inwren_tests::fixtures::fresh_email;
use serde_json::json;
use time::Duration;

use super::{
    CHOSEN, app, expect_invalid_link, forgot, link, logs_in, outbox, refuses_login, reset, use_link,
};

stories! {
    confirmation_moves_the_login
    confirmation_ends_other_sessions
    undo_restores_the_address_and_voids_the_password
    undo_before_confirmation_cancels_the_change
    undo_survives_password_changes_and_later_moves
    undo_expires_after_three_days
    taken_address_is_refused_at_confirmation_only
    former_address_stays_reserved_for_undo
    without_verification_the_address_changes_at_once
    change_needs_mail_where_addresses_are_verified
    newer_change_voids_the_older
    change_to_the_same_address_sends_nothing
}

const CONFIRM: &str = "/auth/email/confirm";
const UNDO: &str = "/auth/email/undo";

async fn change(app: &TestApp, account: &Account, to: &str) -> Reply {
    app.put("/users/me").bearer(&account.tokens.access).json(&json!({ "email": to })).send().await
}

fn other_address() -> String {
    fresh_email().as_str().to_owned()
}

/// Requests a change, and returns the links that confirm and undo it.
async fn request(app: &TestApp, account: &Account, to: &str) -> (String, String) {
    let reply = change(app, account, to).await.expect_status(202).json();
    assert_eq!(reply, json!({ "pending_email": to }));
    (link(app, to, "email_change").await, link(app, &account.email, "email_undo").await)
}

async fn confirmation_moves_the_login(store: Arc<dyn Store>) {
    for verification in [Optional, Required] {
        let app = app(store.clone(), verification);
        let ann = member(&app).await;
        let to = other_address();
        let (confirm, _) = request(&app, &ann, &to).await;
        assert_eq!(app.me(&ann.tokens.access).await.json()["email"], ann.email);
        app.login(&ann.email).await;
        refuses_login(&app, &to).await;
        use_link(&app, CONFIRM, &confirm).await.expect_done();
        assert!(logs_in(&app, &to, PASSWORD).await);
        refuses_login(&app, &ann.email).await;
        expect_invalid_link(&use_link(&app, CONFIRM, &confirm).await);
    }
}

/// A logged-in account, whatever a registration needs.
async fn member(app: &TestApp) -> Account {
    let boss = app.superuser().await;
    let address = other_address();
    let invite = app.post("/admin/users").bearer(&boss.tokens.access).json(&json!({ "email": address }));
    let id = invite.send().await.expect_status(201).json()["user"]["id"].as_str().unwrap().to_owned();
    let token = link(app, &address, "invitation").await;
    let body = json!({ "token": token, "password": PASSWORD });
    app.post("/auth/invitations/accept").json(&body).send().await.expect_done();
    let tokens = app.login(&address).await;
    Account { id, email: address, tokens }
}

async fn confirmation_ends_other_sessions(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let ann = app.user_fixture().await;
    let other = app.login(&ann.email).await;
    let (confirm, _) = request(&app, &ann, &other_address()).await;
    use_link(&app, CONFIRM, &confirm).await.expect_done();
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.refresh(&ann.tokens.refresh).await;
    app.me(&other.access).await.expect_invalid_token();
    app.try_refresh(&other.refresh).await.expect_invalid_token();
}

async fn undo_restores_the_address_and_voids_the_password(store: Arc<dyn Store>) {
    for verification in [Off, Optional] {
        let app = app(store.clone(), verification);
        let ann = app.user_fixture().await;
        let to = other_address();
        let undo = if verification == Off {
            change(&app, &ann, &to).await.expect_status(200).json();
            link(&app, &ann.email, "email_undo").await
        } else {
            let (confirm, undo) = request(&app, &ann, &to).await;
            use_link(&app, CONFIRM, &confirm).await.expect_done();
            undo
        };
        app.login(&to).await;
        use_link(&app, UNDO, &undo).await.expect_done();
        app.me(&ann.tokens.access).await.expect_invalid_token();
        app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
        refuses_login(&app, &to).await;
        refuses_login(&app, &ann.email).await;
        let token = link(&app, &ann.email, "password_reset").await;
        reset(&app, &token, CHOSEN).await.expect_done();
        assert!(logs_in(&app, &ann.email, CHOSEN).await);
        expect_invalid_link(&use_link(&app, UNDO, &undo).await);
    }
}

async fn undo_before_confirmation_cancels_the_change(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let ann = app.user_fixture().await;
    let to = other_address();
    let (confirm, undo) = request(&app, &ann, &to).await;
    use_link(&app, UNDO, &undo).await.expect_done();
    expect_invalid_link(&use_link(&app, CONFIRM, &confirm).await);
    refuses_login(&app, &to).await;
    reset(&app, &link(&app, &ann.email, "password_reset").await, CHOSEN).await.expect_done();
    logs_in(&app, &ann.email, CHOSEN).await;
}

/// A thief changes the password, moves the account twice, and asks for more links.
async fn undo_survives_password_changes_and_later_moves(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let mut ann = app.user_fixture().await;
    let owner = ann.email.clone();
    let (first, second) = (other_address(), other_address());
    let (confirm, undo) = request(&app, &ann, &first).await;
    use_link(&app, CONFIRM, &confirm).await.expect_done();
    let body = json!({ "current_password": PASSWORD, "new_password": "the thief's choice" });
    let changed = app.post("/users/me/password").bearer(&ann.tokens.access).json(&body).send().await;
    ann.tokens = changed.expect_status(200).tokens();
    first.clone_into(&mut ann.email);
    app.clock.advance(Duration::SECOND);
    let (confirm, later_undo) = request(&app, &ann, &second).await;
    use_link(&app, CONFIRM, &confirm).await.expect_done();
    forgot(&app, &second).await;
    let reset_link = link(&app, &second, "password_reset").await;
    app.clock.advance(Duration::hours(71));
    use_link(&app, UNDO, &undo).await.expect_done();
    for (path, token) in [(UNDO, &later_undo), (UNDO, &undo)] {
        expect_invalid_link(&use_link(&app, path, token).await);
    }
    expect_invalid_link(&reset(&app, &reset_link, CHOSEN).await);
    for address in [&first, &second, &owner] {
        let login = app.try_login(address, "the thief's choice").await;
        login.expect_problem(401, "invalid-credentials");
    }
    reset(&app, &link(&app, &owner, "password_reset").await, CHOSEN).await.expect_done();
    assert!(logs_in(&app, &owner, CHOSEN).await);
}

async fn undo_expires_after_three_days(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    let to = other_address();
    change(&app, &ann, &to).await.expect_status(200).json();
    let undo = link(&app, &ann.email, "email_undo").await;
    app.clock.advance(Duration::hours(72));
    expect_invalid_link(&use_link(&app, UNDO, &undo).await);
    app.login(&to).await;
    app.register(&ann.email).await;
}

async fn taken_address_is_refused_at_confirmation_only(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let (confirm, _) = request(&app, &ann, &bob.email).await;
    use_link(&app, CONFIRM, &confirm).await.expect_problem(409, "email-taken");
    app.login(&ann.email).await;
    // The link is not spent: it works when the address is free.
    let boss = app.superuser().await;
    let delete = app.delete(&format!("/admin/users/{}", bob.id)).bearer(&boss.tokens.access);
    delete.send().await.expect_done();
    use_link(&app, CONFIRM, &confirm).await.expect_done();
    assert_eq!(app.me(&ann.tokens.access).await.json()["email"], bob.email);
}

async fn former_address_stays_reserved_for_undo(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let (confirm, undo) = request(&app, &ann, &other_address()).await;
    use_link(&app, CONFIRM, &confirm).await.expect_done();
    let body = json!({ "email": ann.email, "password": PASSWORD });
    let register = app.post("/auth/register").json(&body).send().await;
    register.expect_problem(409, "email-taken");
    let (by_bob, _) = request(&app, &bob, &ann.email).await;
    use_link(&app, CONFIRM, &by_bob).await.expect_problem(409, "email-taken");
    let boss = app.superuser().await;
    let invite = app.post("/admin/users").bearer(&boss.tokens.access).json(&json!({ "email": ann.email }));
    invite.send().await.expect_problem(409, "email-taken");
    use_link(&app, UNDO, &undo).await.expect_done();
    reset(&app, &link(&app, &ann.email, "password_reset").await, CHOSEN).await.expect_done();
    logs_in(&app, &ann.email, CHOSEN).await;
}

async fn without_verification_the_address_changes_at_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let to = other_address();
    let user = change(&app, &ann, &to).await.expect_status(200).json();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(to), &json!(false)));
    assert!(outbox(&app).await.is_empty(), "the service has no mail");
    app.login(&to).await;
}

async fn change_needs_mail_where_addresses_are_verified(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.email_verification = Optional);
    let ann = app.user_fixture().await;
    change(&app, &ann, &other_address()).await.expect_problem(501, "mail-not-configured");
    // A change of the tier alone needs no mail.
    let body = json!({ "email": ann.email, "tier": "free" });
    app.put("/users/me").bearer(&ann.tokens.access).json(&body).send().await.expect_status(200).json();
}

async fn newer_change_voids_the_older(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let ann = app.user_fixture().await;
    let (first, second) = (other_address(), other_address());
    let (confirm_first, _) = request(&app, &ann, &first).await;
    let (confirm_second, _) = request(&app, &ann, &second).await;
    expect_invalid_link(&use_link(&app, CONFIRM, &confirm_first).await);
    use_link(&app, CONFIRM, &confirm_second).await.expect_done();
    assert_eq!(app.me(&ann.tokens.access).await.json()["email"], second);
}

async fn change_to_the_same_address_sends_nothing(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let ann = app.user_fixture().await;
    app.deliver_letters().await;
    let before = outbox(&app).await.len();
    assert_eq!(change(&app, &ann, &ann.email).await.expect_status(200).json()["email"], ann.email);
    assert_eq!(outbox(&app).await.len(), before);
}
