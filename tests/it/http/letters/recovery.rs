//! Recovery of accounts whose password is lost.

use std::sync::Arc;

use inwren_domain::account::EmailVerification::Off;
use inwren_domain::outbox::deliver::Outcome;
use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, PASSWORD, TestApp};
use inwren_tests::fakes::kind_in;
use serde_json::{Value, json};
use time::Duration;

use super::{CHOSEN, app, expect_invalid_link, forged, forgot, letter, link, logs_in, outbox, reset};

stories! {
    reset_ends_all_sessions_and_starts_none
    reset_verifies_the_address
    newer_link_voids_the_older
    changed_password_voids_the_link
    reset_links_expire_after_thirty_minutes
    weak_password_spends_no_link
    invalid_links_look_alike
    link_for_another_purpose_is_refused
    one_of_a_hundred_resets_succeeds
    unknown_and_inactive_accounts_get_no_letter
    letter_goes_to_the_address_of_the_account
    without_mail_the_request_is_refused
    administrator_without_mail_gets_the_link
    administrator_with_mail_sends_the_letter
    administrator_needs_a_recent_login
}

async fn reset_ends_all_sessions_and_starts_none(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let other = app.login(&ann.email).await;
    forgot(&app, &ann.email).await;
    let token = link(&app, &ann.email, "password_reset").await;
    // Until the link is used, everything stays as it is.
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.login(&ann.email).await;
    let reply = reset(&app, &token, CHOSEN).await;
    reply.expect_done();
    assert_eq!(reply.header("set-cookie"), None);
    for tokens in [&ann.tokens, &other] {
        app.me(&tokens.access).await.expect_invalid_token();
        app.try_refresh(&tokens.refresh).await.expect_invalid_token();
    }
    app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    logs_in(&app, &ann.email, CHOSEN).await;
    app.me(&bob.tokens.access).await.expect_status(200).json();
    letter(&app, &ann.email, "password_changed").await;
    expect_invalid_link(&reset(&app, &token, CHOSEN).await);
}

async fn reset_verifies_the_address(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    assert!(!logs_in(&app, &ann.email, PASSWORD).await);
    forgot(&app, &ann.email).await;
    reset(&app, &link(&app, &ann.email, "password_reset").await, CHOSEN).await.expect_done();
    assert!(logs_in(&app, &ann.email, CHOSEN).await);
}

async fn newer_link_voids_the_older(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    forgot(&app, &ann.email).await;
    let first = link(&app, &ann.email, "password_reset").await;
    forgot(&app, &ann.email).await;
    let second = link(&app, &ann.email, "password_reset").await;
    expect_invalid_link(&reset(&app, &first, CHOSEN).await);
    reset(&app, &second, CHOSEN).await.expect_done();
}

async fn changed_password_voids_the_link(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    forgot(&app, &ann.email).await;
    let token = link(&app, &ann.email, "password_reset").await;
    let body = json!({ "current_password": PASSWORD, "new_password": CHOSEN });
    let change = app.post("/users/me/password").bearer(&ann.tokens.access).json(&body);
    change.send().await.expect_status(200).tokens();
    expect_invalid_link(&reset(&app, &token, "the thief's choice").await);
    logs_in(&app, &ann.email, CHOSEN).await;
}

async fn reset_links_expire_after_thirty_minutes(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    forgot(&app, &ann.email).await;
    let token = link(&app, &ann.email, "password_reset").await;
    app.clock.advance(Duration::minutes(30) - Duration::SECOND);
    reset(&app, &token, "short").await.expect_invalid(&["/new_password"]);
    app.clock.advance(Duration::SECOND);
    expect_invalid_link(&reset(&app, &token, CHOSEN).await);
    app.login(&ann.email).await;
}

async fn weak_password_spends_no_link(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    forgot(&app, &ann.email).await;
    let token = link(&app, &ann.email, "password_reset").await;
    for weak in ["", "short", "password", "12345678", &ann.email, &"x".repeat(129)] {
        reset(&app, &token, weak).await.expect_invalid(&["/new_password"]);
    }
    reset(&app, &token, CHOSEN).await.expect_done();
}

async fn invalid_links_look_alike(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let (ann, bob, cid) = (app.user_fixture().await, app.user_fixture().await, app.user_fixture().await);
    let mut links = Vec::new();
    for account in [&ann, &bob, &cid] {
        forgot(&app, &account.email).await;
        links.push(link(&app, &account.email, "password_reset").await);
    }
    reset(&app, &links[0], CHOSEN).await.expect_done();
    app.delete("/users/me").bearer(&bob.tokens.access).send().await.expect_done();
    let wrong = [
        links[0].clone(),
        links[1].clone(),
        forged(&links[2]),
        links[2].to_lowercase(),
        format!(" {}", links[2]),
        links[2][4..].to_owned(),
        "A".repeat(links[2].len()),
        "x".to_owned(),
        String::new(),
    ];
    let same = |mut body: Value| {
        body["request_id"] = Value::Null;
        body
    };
    let mut bodies = Vec::new();
    for token in &wrong {
        let reply = reset(&app, token, CHOSEN).await;
        expect_invalid_link(&reply);
        bodies.push(same(reply.json()));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    reset(&app, &links[2], CHOSEN).await.expect_done();
}

async fn link_for_another_purpose_is_refused(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let ann = app.user_fixture().await;
    forgot(&app, &ann.email).await;
    let token = link(&app, &ann.email, "password_reset").await;
    let body = json!({ "token": token, "password": CHOSEN });
    for path in ["/auth/verify-email", "/auth/invitations/accept"] {
        expect_invalid_link(&app.post(path).json(&body).send().await);
    }
    for path in ["/auth/email/confirm", "/auth/email/undo"] {
        expect_invalid_link(&super::use_link(&app, path, &token).await);
    }
    reset(&app, &token, CHOSEN).await.expect_done();
}

async fn one_of_a_hundred_resets_succeeds(store: Arc<dyn Store>) {
    let app = Arc::new(app(store, Off));
    let ann = app.user_fixture().await;
    forgot(&app, &ann.email).await;
    let token = link(&app, &ann.email, "password_reset").await;
    let mut resets = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (app, token) = (app.clone(), token.clone());
        resets.spawn(async move {
            let password = format!("pass phrase number {n}");
            let reply = reset(&app, &token, &password).await;
            if reply.status != 204 {
                expect_invalid_link(&reply);
            }
            (reply.status == 204).then_some(password)
        });
    }
    let winners: Vec<String> = resets.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    logs_in(&app, &ann.email, &winners[0]).await;
}

async fn unknown_and_inactive_accounts_get_no_letter(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let gone = app.user_fixture().await;
    app.delete("/users/me").bearer(&gone.tokens.access).send().await.expect_done();
    for address in [gone.email.as_str(), "nobody@example.org"] {
        forgot(&app, address).await;
        assert_eq!(app.deliver_letters().await, [Outcome::Dropped], "{address}");
        assert!(app.letters_to(address).await.is_empty(), "{address}");
    }
    assert!(outbox(&app).await.is_empty());
}

async fn letter_goes_to_the_address_of_the_account(store: Arc<dyn Store>) {
    let app = app(store, Off);
    app.register("Ann@example.org").await;
    forgot(&app, "  aNN@EXAMPLE.org").await;
    let letters = app.letters_to("ann@example.org").await;
    let to: Vec<(&str, &str)> = letters.iter().map(|letter| (kind_in(letter), letter.to.as_str())).collect();
    assert_eq!(to, [("password_reset", "Ann@example.org")]);
}

async fn without_mail_the_request_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    for address in [ann.email.as_str(), "nobody@example.org"] {
        let reply = app.post("/auth/password/forgot").json(&json!({ "email": address })).send().await;
        reply.expect_problem(501, "mail-not-configured");
    }
    assert!(outbox(&app).await.is_empty());
}

async fn administrator_without_mail_gets_the_link(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let path = format!("/admin/users/{}/password-reset", ann.id);
    let reply = app.post(&path).bearer(&boss.tokens.access).header("host", "evil.example").send().await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.expect_status(200).json();
    assert_eq!(body["expires_at"], "2030-03-17T18:16:40.123457Z");
    let start = format!("{ISSUER}/account/reset?t=");
    let token = body["link"].as_str().unwrap().strip_prefix(&start).expect("a link").to_owned();
    // The link changes nothing until it is used.
    app.me(&ann.tokens.access).await.expect_status(200).json();
    reset(&app, &token, CHOSEN).await.expect_done();
    app.me(&ann.tokens.access).await.expect_invalid_token();
    logs_in(&app, &ann.email, CHOSEN).await;
    assert!(outbox(&app).await.is_empty());
}

async fn administrator_with_mail_sends_the_letter(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let send = async |id: &str| {
        app.post(&format!("/admin/users/{id}/password-reset")).bearer(&boss.tokens.access).send().await
    };
    let reply = send(&ann.id).await;
    assert_eq!((reply.status, reply.text()), (202, ""), "{reply}");
    reset(&app, &link(&app, &ann.email, "password_reset").await, CHOSEN).await.expect_done();
    send("00000000-0000-7000-8000-000000000000").await.expect_problem(404, "not-found");
    app.delete("/users/me")
        .bearer(&app.try_login(&ann.email, CHOSEN).await.tokens().access)
        .send()
        .await
        .expect_done();
    send(&ann.id).await.expect_problem(404, "not-found");
}

async fn administrator_needs_a_recent_login(store: Arc<dyn Store>) {
    let app = app(store, Off);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    let call = app.post(&format!("/admin/users/{}/password-reset", ann.id)).bearer(&boss.tokens.access);
    call.send().await.expect_problem(401, "insufficient-user-authentication");
    assert!(outbox(&app).await.is_empty());
}
