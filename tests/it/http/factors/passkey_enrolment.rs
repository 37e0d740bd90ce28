//! Enrolment of passkeys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::audit::AuditEventKind;
use inwren_domain::factor::CoseAlgorithm;
use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, TestApp};
use inwren_tests::authenticator::{Authenticator, Tamper};
use serde_json::{Value, json};
use time::Duration;

use super::{
    RELYING_PARTY, add_passkey, any_passkey, app, begin_totp, configured, enrol_passkey, events, expect_over,
    factors, first_step, letters, log_in, log_in_by_passkey, member, passkey_options, text,
};

stories! {
    options_describe_service_and_user
    passkey_of_each_algorithm_is_enrolled
    first_passkey_brings_recovery_codes
    invalid_answers_are_refused
    answers_of_other_pages_are_refused
    challenge_is_used_once
    challenges_of_others_are_over
    passkey_belongs_to_one_user
    ten_passkeys_are_allowed
    malformed_bodies_are_refused
    without_a_relying_party_there_are_no_passkeys
}

async fn options_describe_service_and_user(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let options = passkey_options(&app, &ann.tokens).await.expect_status(200).json();
    let options = options["publicKey"].clone();
    assert_eq!(options["rp"]["id"], RELYING_PARTY);
    assert!(options["rp"]["name"].as_str().is_some_and(|name| !name.is_empty()));
    assert_eq!(options["user"]["name"], ann.email.as_str());
    assert!(options["user"]["displayName"].is_string());
    // 32 random bytes, and nothing of the user.
    let handle = URL_SAFE_NO_PAD.decode(text(&options["user"]["id"])).unwrap();
    assert_eq!(handle.len(), 32);
    assert_eq!(options["challenge"].as_str().map(str::len), Some(43));
    let algorithms: Vec<&Value> =
        options["pubKeyCredParams"].as_array().unwrap().iter().map(|one| &one["alg"]).collect();
    assert_eq!(algorithms, [&json!(-7), &json!(-8), &json!(-257)]);
    assert_eq!((&options["timeout"], &options["attestation"]), (&json!(300_000), &json!("none")));
    assert_eq!(options["excludeCredentials"], json!([]));
    let expected =
        json!({ "residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred" });
    assert_eq!(options["authenticatorSelection"], expected);
}

async fn passkey_of_each_algorithm_is_enrolled(store: Arc<dyn Store>) {
    let app = app(store);
    for algorithm in CoseAlgorithm::ALL {
        let ann = app.user_fixture().await;
        let mut device = Authenticator::new().with_algorithm(algorithm);
        let enrolled = enrol_passkey(&app, &ann.tokens, &mut device).await;
        assert_eq!((&enrolled["method"], &enrolled["backed_up"]), (&json!("passkey"), &json!(true)));
        assert_eq!((&enrolled["verifies_user"], &enrolled["name"]), (&json!(true), &Value::Null));
        log_in_by_passkey(&app, &mut device).await;
    }
    let bob = app.user_fixture().await;
    let mut key = Authenticator::security_key().without_user_verification();
    let enrolled = enrol_passkey(&app, &bob.tokens, &mut key).await;
    assert_eq!((&enrolled["backed_up"], &enrolled["verifies_user"]), (&json!(false), &json!(false)));
}

async fn first_passkey_brings_recovery_codes(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let (mut first, mut second) = (Authenticator::new(), Authenticator::new());
    let enrolled = enrol_passkey(&app, &ann.tokens, &mut first).await;
    assert_eq!(enrolled["recovery_codes"].as_array().map(Vec::len), Some(10));
    let asked = first_step(&app, &ann.email).await;
    assert_eq!(asked["methods"], json!(["recovery_code", "passkey"]));
    let tokens = log_in_by_passkey(&app, &mut first).await;
    let options = passkey_options(&app, &tokens).await.expect_status(200).json();
    let excluded = options["publicKey"]["excludeCredentials"].clone();
    assert_eq!(excluded.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&excluded[0]["type"], &excluded[0]["id"]),
        (&json!("public-key"), &json!(first.credential_ids()[0]))
    );
    let body = json!({ "credential": second.create(&options, ISSUER), "name": "Laptop" });
    let more = add_passkey(&app, &tokens, &body).await.expect_status(201).json();
    assert_eq!((&more["name"], more["recovery_codes"].is_null()), (&json!("Laptop"), true));
    let listed = factors(&app, &tokens).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(events(&app, &ann, AuditEventKind::FactorEnrolled).await.len(), 2);
    assert_eq!(letters(&app, &ann.email, "factor_enrolled").await, 2);
    // All passkeys of a user share the handle.
    let again = passkey_options(&app, &tokens).await.expect_status(200).json();
    assert_eq!(again["publicKey"]["user"]["id"], options["publicKey"]["user"]["id"]);
}

fn tampered(tamper: Tamper) -> Authenticator {
    let mut device = Authenticator::new();
    device.tamper = tamper;
    device
}

fn with_client_data(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Authenticator {
    tampered(Tamper { client_data: Some(Box::new(change)), ..Tamper::default() })
}

fn with_authenticator_data(change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Authenticator {
    tampered(Tamper { authenticator_data: Some(Box::new(change)), ..Tamper::default() })
}

/// Checks that the answer of this device enrols nothing.
async fn expect_refused(app: &TestApp, mut device: Authenticator, origin: &str) {
    let ann = app.user_fixture().await;
    let options = passkey_options(app, &ann.tokens).await.expect_status(200).json();
    let body = json!({ "credential": device.create(&options, origin) });
    add_passkey(app, &ann.tokens, &body).await.expect_invalid(&["/credential"]);
    assert_eq!(factors(app, &ann.tokens).await["items"], json!([]));
    app.login(&ann.email).await;
}

async fn invalid_answers_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let devices = [
        with_client_data(|data| data["type"] = json!("webauthn.get")),
        with_client_data(|data| data["crossOrigin"] = json!(true)),
        // The hash of another relying party.
        with_authenticator_data(|data| data[0] ^= 1),
        // No user was present.
        with_authenticator_data(|data| data[32] &= !0x01),
        // Backed up, but not eligible for it.
        with_authenticator_data(|data| data[32] = (data[32] | 0x10) & !0x08),
        // No credential is attached.
        with_authenticator_data(|data| data[32] &= !0x40),
        with_authenticator_data(|data| data.push(0)),
        tampered(Tamper {
            attestation_object: Some(Box::new(|object: &mut Vec<u8>| object.push(0))),
            ..Tamper::default()
        }),
        tampered(Tamper { cose_key: Some(vec![0xa0]), ..Tamper::default() }),
    ];
    for device in devices {
        expect_refused(&app, device, ISSUER).await;
    }
}

async fn answers_of_other_pages_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    for origin in [
        "https://evil.example.org",
        "https://issuer.example.org.evil.example",
        "https://evil-issuer.example.org",
        "https://sub.issuer.example.org",
        "http://issuer.example.org",
        "https://issuer.example.org:8443",
        "https://issuer.example.org/",
        "https://ISSUER.example.org",
        "https://issuer.example.or",
        "null",
        "",
    ] {
        expect_refused(&app, Authenticator::new(), origin).await;
    }
}

async fn challenge_is_used_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let late = passkey_options(&app, &ann.tokens).await.expect_status(200).json();
    app.clock.advance(Duration::minutes(5));
    let body = json!({ "credential": Authenticator::new().create(&late, ISSUER) });
    expect_over(&add_passkey(&app, &ann.tokens, &body).await);

    let options = passkey_options(&app, &ann.tokens).await.expect_status(200).json();
    let (mut first, mut second) = (Authenticator::new(), Authenticator::new());
    let [one, other] = [&mut first, &mut second].map(|device| device.create(&options, ISSUER));
    add_passkey(&app, &ann.tokens, &json!({ "credential": one })).await.expect_status(201).json();
    let tokens = log_in_by_passkey(&app, &mut first).await;
    for credential in [one, other] {
        expect_over(&add_passkey(&app, &tokens, &json!({ "credential": credential })).await);
    }
}

async fn challenges_of_others_are_over(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let other_session = app.login(&ann.email).await;
    let options = passkey_options(&app, &ann.tokens).await.expect_status(200).json();
    let credential = Authenticator::new().create(&options, ISSUER);
    let body = json!({ "credential": credential });
    for tokens in [&bob.tokens, &other_session] {
        expect_over(&add_passkey(&app, tokens, &body).await);
    }
    // A challenge for a login enrols nothing.
    let login = any_passkey(&app).await;
    let mut mixed = options.clone();
    mixed["publicKey"]["challenge"] = login["publicKey"]["challenge"].clone();
    let forged = Authenticator::new().create(&mixed, ISSUER);
    expect_over(&add_passkey(&app, &ann.tokens, &json!({ "credential": forged })).await);
    add_passkey(&app, &ann.tokens, &body).await.expect_status(201).json();
}

async fn passkey_belongs_to_one_user(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let mut device = Authenticator::new();
    enrol_passkey(&app, &ann.tokens, &mut device).await;
    let taken = device.credential_ids()[0].clone();
    let id = URL_SAFE_NO_PAD.decode(&taken).unwrap();
    let mut thief = tampered(Tamper {
        // The id follows hash, flags, counter, AAGUID and length.
        authenticator_data: Some(Box::new(move |data: &mut Vec<u8>| {
            data[55..55 + id.len()].copy_from_slice(&id)
        })),
        answer: Some(Box::new(move |answer: &mut Value| {
            answer["id"] = json!(taken);
            answer["rawId"] = json!(taken);
        })),
        ..Tamper::default()
    });
    let options = passkey_options(&app, &bob.tokens).await.expect_status(200).json();
    let body = json!({ "credential": thief.create(&options, ISSUER) });
    add_passkey(&app, &bob.tokens, &body).await.expect_problem(409, "passkey-taken");
    assert_eq!(factors(&app, &bob.tokens).await["items"], json!([]));
    app.login(&bob.email).await;
    log_in_by_passkey(&app, &mut device).await;
}

async fn ten_passkeys_are_allowed(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let mut first = Authenticator::new();
    enrol_passkey(&app, &ann.tokens, &mut first).await;
    let tokens = log_in_by_passkey(&app, &mut first).await;
    for _ in 0..9 {
        enrol_passkey(&app, &tokens, &mut Authenticator::new()).await;
    }
    passkey_options(&app, &tokens).await.expect_problem(409, "too-many-factors");
    assert_eq!(factors(&app, &tokens).await["items"].as_array().map(Vec::len), Some(10));
    // Authenticator apps are counted separately.
    begin_totp(&app, &tokens).await.expect_status(201).json();
}

async fn malformed_bodies_are_refused(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    let options = passkey_options(&app, &ann.tokens).await.expect_status(200).json();
    let right = Authenticator::new().create(&options, ISSUER);
    let changed = |pointer: &str, value: Value| {
        let mut credential = right.clone();
        *credential.pointer_mut(pointer).expect("a member") = value;
        credential
    };
    let wrong = [
        json!({}),
        changed("/rawId", json!("AAAA")),
        changed("/id", json!("AAAA")),
        changed("/type", json!("password")),
        changed("/response", json!({})),
        changed("/response/attestationObject", json!("not base64url!")),
        changed("/response/attestationObject", json!("AA==")),
        changed("/response/clientDataJSON", json!(1)),
    ];
    for credential in wrong {
        let body = json!({ "credential": credential });
        let reply = add_passkey(&app, &ann.tokens, &body).await;
        let errors = reply.expect_problem(422, "validation-failed")["errors"].clone();
        let pointer = errors[0]["pointer"].as_str().unwrap().to_owned();
        assert!(pointer.starts_with("/credential"), "{reply}");
    }
    for body in [json!({}), json!({ "credential": null }), json!({ "credential": "x" })] {
        add_passkey(&app, &ann.tokens, &body).await.expect_invalid(&["/credential"]);
    }
    let body = json!({ "credential": right, "name": " " });
    add_passkey(&app, &ann.tokens, &body).await.expect_invalid(&["/name"]);
    // Browsers add members, which mean nothing here.
    let mut more = right.clone();
    more["future"] = json!({ "a": [1] });
    more["response"]["future"] = json!("x");
    let body = json!({ "credential": more });
    add_passkey(&app, &ann.tokens, &body).await.expect_status(201).json();
}

async fn without_a_relying_party_there_are_no_passkeys(store: Arc<dyn Store>) {
    let app = configured(store, |factors| factors.relying_party = None);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let credential = Authenticator::new().create(
        &json!({
            "challenge": "A".repeat(43), "rp": { "id": RELYING_PARTY }, "user": { "id": "AA" },
            "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }], "excludeCredentials": [],
        }),
        ISSUER,
    );
    let body = json!({ "credential": credential });
    passkey_options(&app, &tokens).await.expect_problem(501, "passkeys-not-available");
    add_passkey(&app, &tokens, &body).await.expect_problem(501, "passkeys-not-available");
    let call = app.post("/auth/passkey/options").json(&json!({}));
    call.send().await.expect_problem(501, "passkeys-not-available");
    let call = app.post("/auth/step-up/options").bearer(&tokens.access);
    call.send().await.expect_problem(501, "passkeys-not-available");
}
