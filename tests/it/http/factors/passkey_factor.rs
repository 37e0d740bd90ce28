//! Passkeys as the second step of a login, and their signature counters.

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, ISSUER, Reply, TestApp};
use inwren_tests::authenticator::{Authenticator, Tamper};
use serde_json::{Value, json};

use super::{answer_by_passkey, app, assurance, events, expect_over, expect_wrong, first_step, passkey_user};

stories! {
    passkey_completes_the_login
    request_names_the_passkeys_of_the_user
    without_user_verification_it_is_a_second_factor
    answer_to_another_challenge_is_wrong
    passkey_of_another_user_is_wrong
    answer_is_used_once
    tampered_answers_are_wrong
    copied_security_key_is_refused
    counter_of_a_synced_passkey_is_only_recorded
    eligibility_for_backup_never_changes
}

/// Logs in with the password and the passkey.
async fn try_log_in(app: &TestApp, user: &Account, device: &mut Authenticator) -> Reply {
    let asked = first_step(app, &user.email).await;
    answer_by_passkey(app, &asked, &device.get(&asked, ISSUER)).await
}

async fn passkey_completes_the_login(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let tokens = try_log_in(&app, &ann, &mut device).await.expect_status(200).tokens();
    assert_eq!(assurance(&tokens), (json!("phr"), json!(["pwd", "swk", "mfa"])));
}

async fn request_names_the_passkeys_of_the_user(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let asked = first_step(&app, &ann.email).await;
    let options = &asked["publicKey"];
    assert_eq!(options["challenge"], asked["challenge"]);
    assert_eq!(
        (&options["rpId"], &options["userVerification"]),
        (&json!(super::RELYING_PARTY), &json!("preferred"))
    );
    let allowed = options["allowCredentials"].as_array().unwrap();
    assert_eq!(allowed.len(), 1, "{asked}");
    assert_eq!(
        (&allowed[0]["type"], &allowed[0]["id"]),
        (&json!("public-key"), &json!(device.credential_ids()[0]))
    );
    assert_eq!(allowed[0]["transports"], json!(["hybrid", "internal"]));
}

async fn without_user_verification_it_is_a_second_factor(store: Arc<dyn Store>) {
    let app = app(store);
    let mut key = Authenticator::security_key().without_user_verification();
    let ann = passkey_user(&app, &mut key).await;
    let tokens = try_log_in(&app, &ann, &mut key).await.expect_status(200).tokens();
    assert_eq!(assurance(&tokens), (json!("aal2"), json!(["pwd", "hwk", "mfa"])));
    // Alone, it proves only possession.
    let options = super::any_passkey(&app).await;
    super::passkey_login(&app, &key.get(&options, ISSUER)).await.expect_problem(401, "invalid-credentials");
}

async fn answer_to_another_challenge_is_wrong(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let (one, other) = (first_step(&app, &ann.email).await, first_step(&app, &ann.email).await);
    let credential = device.get(&other, ISSUER);
    expect_wrong(&answer_by_passkey(&app, &one, &credential).await, 4);
    answer_by_passkey(&app, &other, &credential).await.expect_status(200).tokens();
}

async fn passkey_of_another_user_is_wrong(store: Arc<dyn Store>) {
    let app = app(store);
    let (mut of_ann, mut of_bob) = (Authenticator::new(), Authenticator::new());
    let ann = passkey_user(&app, &mut of_ann).await;
    let bob = passkey_user(&app, &mut of_bob).await;
    let asked = first_step(&app, &ann.email).await;
    let mut for_bob = first_step(&app, &bob.email).await;
    for_bob["publicKey"]["challenge"] = asked["challenge"].clone();
    expect_wrong(&answer_by_passkey(&app, &asked, &of_bob.get(&for_bob, ISSUER)).await, 4);
    // A wrong handle is not accepted either.
    let changed: fn(&mut Value) = |answer| answer["response"]["userHandle"] = json!("A".repeat(43));
    of_ann.tamper = Tamper { answer: Some(Box::new(changed)), ..Tamper::default() };
    expect_wrong(&answer_by_passkey(&app, &asked, &of_ann.get(&asked, ISSUER)).await, 3);
    // As a second factor, a passkey need not return one.
    let without: fn(&mut Value) = |answer| answer["response"]["userHandle"] = Value::Null;
    of_ann.tamper = Tamper { answer: Some(Box::new(without)), ..Tamper::default() };
    answer_by_passkey(&app, &asked, &of_ann.get(&asked, ISSUER)).await.expect_status(200).tokens();
}

async fn answer_is_used_once(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let asked = first_step(&app, &ann.email).await;
    let credential = device.get(&asked, ISSUER);
    answer_by_passkey(&app, &asked, &credential).await.expect_status(200).tokens();
    expect_over(&answer_by_passkey(&app, &asked, &credential).await);
    let next = first_step(&app, &ann.email).await;
    expect_wrong(&answer_by_passkey(&app, &next, &credential).await, 4);
}

async fn tampered_answers_are_wrong(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let asked = first_step(&app, &ann.email).await;
    let data: [fn(&mut Vec<u8>); 4] = [
        |data| data[0] ^= 1,
        |data| data[32] &= !0x01,
        |data| data.push(0),
        // Extensions, without any.
        |data| data[32] |= 0x80,
    ];
    for (change, attempts_left) in data.into_iter().zip([4, 3, 2, 1]) {
        device.tamper = Tamper { authenticator_data: Some(Box::new(change)), ..Tamper::default() };
        let credential = device.get(&asked, ISSUER);
        expect_wrong(&answer_by_passkey(&app, &asked, &credential).await, attempts_left);
    }
    device.tamper = Tamper::default();
    let mut credential = device.get(&asked, ISSUER);
    credential["response"]["signature"] = json!("AAAA");
    expect_wrong(&answer_by_passkey(&app, &asked, &credential).await, 0);
    try_log_in(&app, &ann, &mut device).await.expect_status(200).tokens();
}

async fn copied_security_key_is_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let mut key = Authenticator::security_key();
    let ann = passkey_user(&app, &mut key).await;
    for _ in 0..3 {
        try_log_in(&app, &ann, &mut key).await.expect_status(200).tokens();
    }
    // The stored counter is 3. The key counts before it answers.
    for before in [0, 1, 2] {
        key.set_sign_count(before);
        expect_wrong(&try_log_in(&app, &ann, &mut key).await, 4);
    }
    // A counter that stopped counts as a copy, too.
    let stopped: fn(&mut Vec<u8>) = |data| data[33..37].copy_from_slice(&[0; 4]);
    key.tamper = Tamper { authenticator_data: Some(Box::new(stopped)), ..Tamper::default() };
    expect_wrong(&try_log_in(&app, &ann, &mut key).await, 4);
    key.tamper = Tamper::default();
    key.set_sign_count(3);
    try_log_in(&app, &ann, &mut key).await.expect_status(200).tokens();
}

async fn counter_of_a_synced_passkey_is_only_recorded(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    device.counts = true;
    let ann = passkey_user(&app, &mut device).await;
    device.set_sign_count(7);
    try_log_in(&app, &ann, &mut device).await.expect_status(200).tokens();
    let regressed = AuditEventKind::PasskeyCounterRegressed;
    assert!(events(&app, &ann, regressed).await.is_empty());
    device.set_sign_count(2);
    try_log_in(&app, &ann, &mut device).await.expect_status(200).tokens();
    assert_eq!(events(&app, &ann, regressed).await.len(), 1);
    // From the new counter on, it rises again.
    try_log_in(&app, &ann, &mut device).await.expect_status(200).tokens();
    assert_eq!(events(&app, &ann, regressed).await.len(), 1);
}

async fn eligibility_for_backup_never_changes(store: Arc<dyn Store>) {
    let app = app(store);
    let mut device = Authenticator::new();
    device.backed_up = false;
    let ann = passkey_user(&app, &mut device).await;
    // A copy may come and go.
    for backed_up in [true, false, true] {
        device.backed_up = backed_up;
        let tokens = try_log_in(&app, &ann, &mut device).await.expect_status(200).tokens();
        let listed = super::factors(&app, &tokens).await;
        assert_eq!(listed["items"][0]["backed_up"], backed_up);
    }
    (device.backup_eligible, device.backed_up) = (false, false);
    expect_wrong(&try_log_in(&app, &ann, &mut device).await, 4);
}
