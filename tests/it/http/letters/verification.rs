//! Verification of addresses.

use std::sync::Arc;

use inwren_domain::account::EmailVerification::{Optional, Required};
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, TestApp, forge};
use inwren_tests::fakes::{kind_in, token_in};
use inwren_tests::fixtures::fresh_email;
use serde_json::json;
use time::Duration;

use super::{
    CHOSEN, app, code, expect_invalid_link, forged, link, logs_in, outbox, refuses_login, register_pending,
    verify,
};

stories! {
    code_creates_the_verified_account
    link_needs_a_password_chosen_there
    malformed_proofs_count_no_attempt
    five_wrong_codes_end_the_code_only
    resend_renews_the_code_and_keeps_the_id
    codes_expire_before_links
    code_and_id_must_belong_together
    stranger_gains_nothing_by_registering_first
    three_pending_registrations_per_address
    owner_learns_of_repeated_registration_once_per_hour
    unverified_user_exists_under_optional
    session_or_password_verifies_existing_user
    verification_letters_end_with_verification
    registration_without_mail_is_refused_under_required
}

async fn resend(app: &TestApp, address: &str) {
    let body = json!({ "email": address });
    let reply = app.post("/auth/verify-email/resend").json(&body).send().await;
    assert_eq!((reply.status, reply.text()), (202, ""), "{reply}");
}

async fn code_creates_the_verified_account(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let id = register_pending(&app, "ann@example.org", PASSWORD).await;
    refuses_login(&app, "ann@example.org").await;
    let code = code(&app, "ann@example.org").await;
    let proof = json!({ "verification_id": id, "code": code });
    let reply = verify(&app, proof.clone()).await.expect_status(201);
    assert_eq!(reply.header("location"), Some("/users/me"));
    let user = reply.json();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!("ann@example.org"), &json!(true)));
    let tokens = app.login("ann@example.org").await;
    assert_eq!(app.me(&tokens.access).await.json(), user);
    assert_eq!(forge::open(&tokens.access).1["email_verified"], true);
    expect_invalid_link(&verify(&app, proof).await);
}

async fn link_needs_a_password_chosen_there(store: Arc<dyn Store>) {
    let app = app(store, Required);
    register_pending(&app, "ann@example.org", PASSWORD).await;
    let token = link(&app, "ann@example.org", "email_verification").await;
    verify(&app, json!({ "token": token })).await.expect_invalid(&["/password"]);
    for weak in ["password", "short", "ann@example.org"] {
        let proof = json!({ "token": token, "password": weak });
        verify(&app, proof).await.expect_invalid(&["/password"]);
    }
    let proof = json!({ "token": token, "password": CHOSEN });
    verify(&app, proof.clone()).await.expect_status(201).json();
    assert!(logs_in(&app, "ann@example.org", CHOSEN).await);
    app.try_login("ann@example.org", PASSWORD).await.expect_problem(401, "invalid-credentials");
    expect_invalid_link(&verify(&app, proof).await);
}

async fn malformed_proofs_count_no_attempt(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let id = register_pending(&app, "ann@example.org", PASSWORD).await;
    let code = code(&app, "ann@example.org").await;
    for wrong in ["", "1234567", "123456789", "1234567a", " 12345678", "１２３４５６７８"] {
        let proof = json!({ "verification_id": id, "code": wrong });
        verify(&app, proof).await.expect_invalid(&["/code"]);
    }
    for proof in [
        json!({}),
        json!({ "verification_id": id }),
        json!({ "code": code }),
        json!({ "token": "x", "code": code }),
        json!({ "token": "x", "verification_id": id, "code": code }),
        json!({ "token": null, "verification_id": id }),
    ] {
        verify(&app, proof).await.expect_invalid(&[""]);
    }
    verify(&app, json!({ "verification_id": "x", "code": code })).await.expect_invalid(&["/verification_id"]);
    let proof = json!({ "verification_id": id, "code": code });
    verify(&app, proof).await.expect_status(201).json();
}

/// A code that differs from the right one.
fn other(code: &str) -> String {
    format!("{:08}", (code.parse::<u32>().expect("a number") + 1) % 100_000_000)
}

async fn five_wrong_codes_end_the_code_only(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let id = register_pending(&app, "ann@example.org", PASSWORD).await;
    let code = code(&app, "ann@example.org").await;
    for _ in 0..5 {
        expect_invalid_link(&verify(&app, json!({ "verification_id": id, "code": other(&code) })).await);
    }
    expect_invalid_link(&verify(&app, json!({ "verification_id": id, "code": code })).await);
    let token = link(&app, "ann@example.org", "email_verification").await;
    verify(&app, json!({ "token": token, "password": CHOSEN })).await.expect_status(201).json();
}

async fn resend_renews_the_code_and_keeps_the_id(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let id = register_pending(&app, "ann@example.org", PASSWORD).await;
    let first = code(&app, "ann@example.org").await;
    for _ in 0..5 {
        expect_invalid_link(&verify(&app, json!({ "verification_id": id, "code": other(&first) })).await);
    }
    app.clock.advance(Duration::minutes(11));
    resend(&app, "ANN@example.org").await;
    let second = code(&app, "ann@example.org").await;
    assert_ne!(first, second);
    expect_invalid_link(&verify(&app, json!({ "verification_id": id, "code": first })).await);
    verify(&app, json!({ "verification_id": id, "code": second })).await.expect_status(201).json();
    app.login("ann@example.org").await;
}

async fn codes_expire_before_links(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let id = register_pending(&app, "ann@example.org", PASSWORD).await;
    let (code, token) =
        (code(&app, "ann@example.org").await, link(&app, "ann@example.org", "email_verification").await);
    app.clock.advance(Duration::minutes(10));
    expect_invalid_link(&verify(&app, json!({ "verification_id": id, "code": code })).await);
    app.clock.advance(Duration::hours(24) - Duration::minutes(10) - Duration::SECOND);
    // The password is missing, so the link is still valid and not spent.
    verify(&app, json!({ "token": token })).await.expect_invalid(&["/password"]);
    app.clock.advance(Duration::SECOND);
    expect_invalid_link(&verify(&app, json!({ "token": token, "password": CHOSEN })).await);
    refuses_login(&app, "ann@example.org").await;
}

async fn code_and_id_must_belong_together(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let ann = register_pending(&app, "ann@example.org", PASSWORD).await;
    let bob = register_pending(&app, "bob@example.org", PASSWORD).await;
    let code = code(&app, "ann@example.org").await;
    expect_invalid_link(&verify(&app, json!({ "verification_id": bob, "code": code })).await);
    let token = link(&app, "ann@example.org", "email_verification").await;
    for wrong in [forged(&token), token[1..].to_owned(), format!("{token}A"), "x".to_owned(), String::new()] {
        expect_invalid_link(&verify(&app, json!({ "token": wrong, "password": CHOSEN })).await);
    }
    verify(&app, json!({ "verification_id": ann, "code": code })).await.expect_status(201).json();
    refuses_login(&app, "bob@example.org").await;
}

async fn stranger_gains_nothing_by_registering_first(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let theirs = register_pending(&app, "ann@example.org", "the stranger's choice").await;
    let stolen = code(&app, "ann@example.org").await;
    let token = link(&app, "ann@example.org", "email_verification").await;
    // The owner of the mailbox uses the stranger's link, and chooses a password.
    verify(&app, json!({ "token": token, "password": CHOSEN })).await.expect_status(201).json();
    let stranger = app.try_login("ann@example.org", "the stranger's choice").await;
    stranger.expect_problem(401, "invalid-credentials");
    expect_invalid_link(&verify(&app, json!({ "verification_id": theirs, "code": stolen })).await);
    assert!(logs_in(&app, "ann@example.org", CHOSEN).await);
}

async fn three_pending_registrations_per_address(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let mut proofs = Vec::new();
    for n in 0..4 {
        let id = register_pending(&app, "ann@example.org", &format!("pass phrase number {n}")).await;
        proofs.push(json!({ "verification_id": id, "code": code(&app, "ann@example.org").await }));
        app.clock.advance(Duration::SECOND);
    }
    // The fourth registration has replaced the first. One that succeeds ends the others.
    expect_invalid_link(&verify(&app, proofs[0].clone()).await);
    verify(&app, proofs[3].clone()).await.expect_status(201).json();
    for ended in &proofs[1..] {
        expect_invalid_link(&verify(&app, ended.clone()).await);
    }
    assert!(logs_in(&app, "ann@example.org", "pass phrase number 3").await);
}

async fn owner_learns_of_repeated_registration_once_per_hour(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let id = register_pending(&app, "Ann@example.org", PASSWORD).await;
    let code = code(&app, "Ann@example.org").await;
    verify(&app, json!({ "verification_id": id, "code": code })).await.expect_status(201).json();
    let notices = async || {
        let letters = app.letters_to("ann@example.org").await;
        letters.into_iter().filter(|letter| kind_in(letter) == "already_registered").collect::<Vec<_>>()
    };
    for _ in 0..3 {
        register_pending(&app, "ann@EXAMPLE.org", CHOSEN).await;
        let notices = notices().await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!((notices[0].to.as_str(), token_in(&notices[0])), ("Ann@example.org", None));
    }
    app.clock.advance(Duration::minutes(61));
    register_pending(&app, "ann@example.org", CHOSEN).await;
    assert_eq!(notices().await.len(), 2);
    app.try_login("ann@example.org", CHOSEN).await.expect_problem(401, "invalid-credentials");
}

async fn unverified_user_exists_under_optional(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let address = fresh_email().as_str().to_owned();
    assert_eq!(app.register(&address).await["email_verified"], false);
    let tokens = app.login(&address).await;
    assert_eq!(forge::open(&tokens.access).1["email_verified"], false);
    let token = link(&app, &address, "email_verification").await;
    let call = app.post("/auth/verify-email").bearer(&tokens.access).json(&json!({ "token": token }));
    assert_eq!(call.send().await.expect_status(200).json()["email_verified"], true);
    let next = app.refresh(&tokens.refresh).await;
    assert_eq!(forge::open(&next.access).1["email_verified"], true);
    let again = app.post("/auth/verify-email").bearer(&tokens.access).json(&json!({ "token": token }));
    expect_invalid_link(&again.send().await);
}

async fn session_or_password_verifies_existing_user(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let token = link(&app, &ann.email, "email_verification").await;
    verify(&app, json!({ "token": token })).await.expect_invalid(&["/password"]);
    let by_bob = app.post("/auth/verify-email").bearer(&bob.tokens.access).json(&json!({ "token": token }));
    by_bob.send().await.expect_invalid(&["/password"]);
    let wrong = json!({ "token": token, "password": CHOSEN });
    verify(&app, wrong).await.expect_problem(401, "invalid-credentials");
    let forged = app.post("/auth/verify-email").bearer("rubbish").json(&json!({ "token": token }));
    forged.send().await.expect_invalid_token();
    let right = json!({ "token": token, "password": PASSWORD });
    assert_eq!(verify(&app, right).await.expect_status(200).json()["email_verified"], true);
    assert_eq!(app.me(&bob.tokens.access).await.json()["email_verified"], false);
}

async fn verification_letters_end_with_verification(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let ann = app.user_fixture().await;
    let first = link(&app, &ann.email, "email_verification").await;
    // With an access token the body may be absent, empty or without an address.
    let resend = || app.post("/auth/verify-email/resend").bearer(&ann.tokens.access);
    for call in [resend(), resend().json(&json!({})), resend().json(&json!({ "email": null }))] {
        call.send().await.expect_status(202).text();
    }
    app.post("/auth/verify-email/resend").send().await.expect_invalid(&["/email"]);
    let second = link(&app, &ann.email, "email_verification").await;
    let proof = |token: &str| json!({ "token": token, "password": PASSWORD });
    expect_invalid_link(&verify(&app, proof(&first)).await);
    verify(&app, proof(&second)).await.expect_status(200).json();
    let before = app.letters_to(&ann.email).await.len();
    resend().send().await.expect_status(202).text();
    assert_eq!(outbox(&app).await.iter().filter(|letter| letter.state.is_waiting()).count(), 1);
    assert_eq!(app.letters_to(&ann.email).await.len(), before);
}

async fn registration_without_mail_is_refused_under_required(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.email_verification = Required);
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    app.post("/auth/register").json(&body).send().await.expect_problem(501, "mail-not-configured");
    let resend = app.post("/auth/verify-email/resend").json(&json!({ "email": "ann@example.org" }));
    resend.send().await.expect_problem(501, "mail-not-configured");
    let server = app.get("/.well-known/oauth-authorization-server").send().await.json();
    assert_eq!(
        (&server["email_verification"], &server["mail_configured"]),
        (&json!("required"), &json!(false))
    );
}
