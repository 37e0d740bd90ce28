//! Enrolment of authenticator apps.

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::kernel::Clock as _;
use inwren_domain::store::Store;
use inwren_tests::app::Account;
use inwren_tests::authenticator::totp_code;
use serde_json::{Value, json};

use super::{
    answer, app, begin_totp, confirm_totp, enrol_totp, events, expect_wrong, factors, first_step, letters,
    log_in, member, text,
};

stories! {
    enrolment_shows_secret_uri_and_qr_code
    unconfirmed_app_counts_for_nothing
    right_code_confirms_the_app
    confirming_code_is_spent
    new_enrolment_replaces_the_unconfirmed_one
    apps_of_others_are_not_found
    three_apps_are_allowed
    app_may_have_a_name
    invalid_bodies_are_refused
}

async fn enrolment_shows_secret_uri_and_qr_code(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    for body in [Some(json!({})), None] {
        let call = app.post("/users/me/totp").bearer(&ann.tokens.access);
        let call = if let Some(body) = body { call.json(&body) } else { call };
        let new = call.send().await.expect_status(201).json();
        let mut names: Vec<&String> = new.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["id", "qr_svg", "secret", "uri"]);
        let (secret, uri, svg) = (text(&new["secret"]), text(&new["uri"]), text(&new["qr_svg"]));
        // 160 bits in base32.
        assert_eq!(secret.len(), 32, "{secret}");
        assert!(secret.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')), "{secret}");
        assert!(uri.starts_with("otpauth://totp/"), "{uri}");
        let address = ann.email.replace('@', "%40");
        for part in [
            address.as_str(),
            &format!("secret={secret}"),
            "issuer=",
            "algorithm=SHA1",
            "digits=6",
            "period=30",
        ] {
            assert!(uri.contains(part), "{part}: {uri}");
        }
        assert!(svg.contains("<svg") && !svg.contains("<script"), "{svg}");
        let listed = app.get("/users/me/factors").bearer(&ann.tokens.access).send().await;
        assert!(!listed.text().contains(&secret), "{listed}");
    }
}

async fn unconfirmed_app_counts_for_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let new = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    assert_eq!(factors(&app, &ann.tokens).await, json!({ "items": [], "recovery_codes_left": 0 }));
    let tokens = app.login(&ann.email).await;
    // It can be neither renamed nor removed.
    let path = format!("/users/me/factors/{}", text(&new["id"]));
    let rename = app.call("PATCH", &path).bearer(&tokens.access).json(&json!({ "name": "Phone" }));
    rename.send().await.expect_problem(404, "not-found");
    app.delete(&path).bearer(&tokens.access).send().await.expect_problem(404, "not-found");
    assert!(events(&app, &ann, AuditEventKind::FactorEnrolled).await.is_empty());
    assert_eq!(letters(&app, &ann.email, "factor_enrolled").await, 0);
}

async fn right_code_confirms_the_app(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let new = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    let (id, secret) = (text(&new["id"]), text(&new["secret"]));
    let right = totp_code(&secret, app.clock.now());
    let last = right[5..].parse::<u32>().unwrap();
    let wrong = format!("{}{}", &right[..5], (last + 1) % 10);
    confirm_totp(&app, &ann.tokens, &id, &wrong).await.expect_problem(401, "invalid-factor");
    let spaced = format!("{} {}", &right[..3], &right[3..]);
    let enrolled = confirm_totp(&app, &ann.tokens, &id, &spaced).await.expect_status(201).json();
    assert_eq!((&enrolled["id"], &enrolled["method"]), (&json!(id), &json!("totp")));
    assert_eq!((&enrolled["name"], &enrolled["last_used_at"]), (&Value::Null, &Value::Null));
    assert_eq!(enrolled["created_at"], "2030-03-17T17:46:40.123457Z");
    assert_eq!(enrolled["recovery_codes"].as_array().map(Vec::len), Some(10));
    let listed = factors(&app, &ann.tokens).await;
    assert_eq!((&listed["items"][0]["id"], &listed["recovery_codes_left"]), (&json!(id), &json!(10)));
    first_step(&app, &ann.email).await;
    assert_eq!(events(&app, &ann, AuditEventKind::FactorEnrolled).await.len(), 1);
    assert_eq!(letters(&app, &ann.email, "factor_enrolled").await, 1);
    // It is confirmed only once.
    app.clock.advance(super::STEP);
    let next = totp_code(&secret, app.clock.now());
    let asked = first_step(&app, &ann.email).await;
    let tokens = answer(&app, &asked, "totp", &next).await.expect_status(200).tokens();
    confirm_totp(&app, &tokens, &id, &next).await.expect_problem(404, "not-found");
}

async fn confirming_code_is_spent(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let asked = first_step(&app, ann.email()).await;
    expect_wrong(&answer(&app, &asked, "totp", &ann.code(&app, 0)).await, 4);
    answer(&app, &asked, "totp", &ann.code(&app, 1)).await.expect_status(200).tokens();
}

async fn new_enrolment_replaces_the_unconfirmed_one(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let first = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    let second = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    assert_ne!(first["secret"], second["secret"]);
    let confirm = async |new: &Value| {
        let code = totp_code(&text(&new["secret"]), app.clock.now());
        confirm_totp(&app, &ann.tokens, &text(&new["id"]), &code).await
    };
    confirm(&first).await.expect_problem(404, "not-found");
    confirm(&second).await.expect_status(201).json();
}

async fn apps_of_others_are_not_found(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let new = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    let code = totp_code(&text(&new["secret"]), app.clock.now());
    for id in [text(&new["id"]).as_str(), "00000000-0000-7000-8000-000000000000"] {
        confirm_totp(&app, &bob.tokens, id, &code).await.expect_problem(404, "not-found");
    }
    confirm_totp(&app, &ann.tokens, &text(&new["id"]), &code).await.expect_status(201).json();
    app.login(&bob.email).await;
}

async fn three_apps_are_allowed(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let account = || Account { tokens: tokens.clone(), ..ann.account.clone() };
    let mut all = Vec::new();
    for _ in 0..2 {
        let more = enrol_totp(&app, account()).await;
        assert!(more.recovery_codes.is_empty());
        all.push(more);
    }
    begin_totp(&app, &tokens).await.expect_problem(409, "too-many-factors");
    let listed = factors(&app, &tokens).await;
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["recovery_codes_left"]), (3, &json!(10)));
    all.insert(0, ann);
    for one in &all {
        log_in(&app, one).await;
    }
}

async fn app_may_have_a_name(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let call = app.post("/users/me/totp").bearer(&ann.tokens.access).json(&json!({ "name": " My phone " }));
    let new = call.send().await.expect_status(201).json();
    let code = totp_code(&text(&new["secret"]), app.clock.now());
    let confirmed = confirm_totp(&app, &ann.tokens, &text(&new["id"]), &code).await.expect_status(201).json();
    assert_eq!(confirmed["name"], "My phone");
}

async fn invalid_bodies_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    for name in [json!(" "), json!("a\nb"), json!("x".repeat(65)), json!("a\u{202e}b"), json!(1)] {
        let call = app.post("/users/me/totp").bearer(&ann.tokens.access).json(&json!({ "name": name }));
        call.send().await.expect_invalid(&["/name"]);
    }
    let call = app.post("/users/me/totp").bearer(&ann.tokens.access).json(&json!({ "secret": "x" }));
    call.send().await.expect_invalid(&["/secret"]);
    let new = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    let path = format!("/users/me/totp/{}/confirm", text(&new["id"]));
    for code in [json!(""), json!("12345"), json!("1234567"), json!("١٢٣٤٥٦"), json!(123_456), json!(null)]
    {
        let call = app.post(&path).bearer(&ann.tokens.access).json(&json!({ "code": code }));
        call.send().await.expect_invalid(&["/code"]);
    }
}
