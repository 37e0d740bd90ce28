//! Proof keys for codes (RFC 7636), which every client needs (RFC 9700 section 2.1.1).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::Browser;
use serde_json::json;

use super::{
    World, authorize, challenge, create_client, exchange, exchange_with, granted, log_in, public, token,
    world,
};

stories! {
    every_client_needs_a_challenge
    only_s256_is_accepted
    malformed_challenges_are_refused
    missing_verifier_is_refused
    malformed_verifiers_are_refused
    challenge_is_no_verifier
    public_client_exchanges_with_its_verifier
}

async fn every_client_needs_a_challenge(store: Arc<dyn Store>) {
    let World { app, boss, client, .. } = &world(store).await;
    let public = create_client(app, boss, public()).await;
    let mut browser = Browser::new(app);
    for client in [client, &public] {
        for request in [
            client.request().without("code_challenge"),
            client.request().without("code_challenge").without("code_challenge_method"),
            client.request().with("code_challenge", ""),
        ] {
            assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request");
        }
    }
}

async fn only_s256_is_accepted(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    for request in [
        client.request().with("code_challenge_method", "plain"),
        // The default of the RFC is plain.
        client.request().without("code_challenge_method"),
        client.request().with("code_challenge_method", "s256"),
        client.request().with("code_challenge_method", "S512"),
    ] {
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request");
    }
}

async fn malformed_challenges_are_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let valid = challenge("x");
    for malformed in
        [&valid[1..], &format!("{valid}A"), &format!("{valid}="), &"!".repeat(43), &"=".repeat(43), "x"]
    {
        let request = client.request().with("code_challenge", malformed);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request", "{malformed}");
    }
}

async fn missing_verifier_is_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
    ];
    token(app, client, &fields).await.expect_oauth_error("invalid_request");
    let empty = [&fields[..], &[("code_verifier", "")]].concat();
    token(app, client, &empty).await.expect_oauth_error("invalid_request");
    granted(exchange(app, &request, &code).await);
}

async fn malformed_verifiers_are_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    // Section 4.1: 43 to 128 unreserved characters, even if the challenge fits.
    for verifier in ["x".repeat(42), "x".repeat(129), format!("{}!", "x".repeat(43)), "ä".repeat(43)] {
        let mut request = client.request().with("code_challenge", &challenge(&verifier));
        request.verifier = verifier;
        let code = log_in(&mut Browser::new(app), ann, &request).await.code();
        exchange(app, &request, &code).await.expect_oauth_error("invalid_grant");
    }
    for verifier in ["x".repeat(43), "-._~".repeat(32)] {
        let mut request = client.request().with("code_challenge", &challenge(&verifier));
        request.verifier = verifier;
        let code = log_in(&mut Browser::new(app), ann, &request).await.code();
        granted(exchange(app, &request, &code).await);
    }
}

/// The method `plain`, and a downgrade to it.
async fn challenge_is_no_verifier(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let challenge = request.value("code_challenge").expect("a challenge");
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    exchange_with(app, &request, &code, challenge).await.expect_oauth_error("invalid_grant");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", challenge),
        ("code_challenge_method", "plain"),
    ];
    token(app, client, &fields).await.expect_oauth_error("invalid_grant");
}

async fn public_client_exchanges_with_its_verifier(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &super::world_with(store, public()).await;
    assert_eq!(client.secret, None);
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let tokens = granted(exchange(app, &request, &code).await);
    assert_eq!(tokens.claims()["aud"], json!(client.id));
    granted(super::refresh(app, client, tokens.refresh()).await);
}
