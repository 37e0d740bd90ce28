//! How clients authenticate at the token endpoint (RFC 6749 section 2.3), and their secrets.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::forge::{Algorithm, Forger};
use inwren_tests::app::{Browser, ISSUER, Reply, TestApp, key};
use serde_json::{Value, json};
use time::Duration;

use super::{
    Client, World, create_client, exchange, expect_invalid_client, granted, log_in, public, text, world,
    world_with,
};

stories! {
    basic_credentials_are_form_decoded
    wrong_secrets_get_one_answer
    two_methods_are_refused
    client_id_in_the_form_must_fit
    confidential_client_cannot_act_as_public
    public_client_has_no_secret
    secret_in_the_query_is_ignored
    several_secrets_work_at_once
    secret_expires
    deleted_secret_ends_at_once
    a_client_has_at_most_five_secrets
    secrets_are_shown_once
    secrets_have_a_recognisable_prefix
    signed_assertion_authenticates_once
}

/// A token request that fails only later if the client is authenticated.
const FIELDS: [(&str, &str); 4] = [
    ("grant_type", "authorization_code"),
    ("code", "unknown"),
    ("redirect_uri", "https://app.example/callback"),
    ("code_verifier", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
];

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What secrets start with.
const PREFIX: &str = "secret-token:inwren_";

fn secret(client: &Client) -> &str {
    client.secret.as_deref().expect("a secret")
}

async fn basic(app: &TestApp, id: &str, secret: &str) -> Reply {
    app.post("/oauth/token").basic(id, secret).form(&FIELDS).send().await
}

/// Checks that the client was authenticated: only the code was refused.
#[track_caller]
fn expect_authenticated(reply: &Reply) {
    reply.expect_oauth_error("invalid_grant");
}

/// Encodes every byte but letters and digits, as some libraries do.
fn form_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

async fn basic_credentials_are_form_decoded(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let plain = secret(client);
    expect_authenticated(&basic(app, &client.id, plain).await);
    let encoded = form_encoded(plain);
    assert!(encoded.starts_with("secret%2Dtoken%3A"), "{encoded}");
    expect_authenticated(&basic(app, &form_encoded(&client.id), &encoded).await);
    expect_invalid_client(&basic(app, &client.id, &form_encoded(&encoded)).await);
}

async fn wrong_secrets_get_one_answer(store: Arc<dyn Store>) {
    let World { app, boss, client, .. } = &world(store).await;
    let other = create_client(app, boss, json!({})).await;
    let mut answers = Vec::new();
    for (id, secret) in [
        (client.id.as_str(), secret(&other)),
        (&client.id, ""),
        (&client.id, &secret(client)[1..]),
        (&client.id, &secret(client).to_uppercase()),
        ("unknown", secret(client)),
        ("", ""),
    ] {
        let reply = basic(app, id, secret).await;
        expect_invalid_client(&reply);
        answers.push(reply.text().to_owned());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let _ = app.post("/oauth/token").form(&FIELDS).send().await.expect_status(401);
}

async fn two_methods_are_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let posted = [("client_id", client.id.as_str()), ("client_secret", secret(client))];
    let both = [&FIELDS[..], &posted].concat();
    let reply = app.post("/oauth/token").basic(&client.id, secret(client)).form(&both).send().await;
    reply.expect_oauth_error("invalid_request");
    let jwt = [("client_assertion", "x"), ("client_assertion_type", JWT_BEARER)];
    let both = [&FIELDS[..], &posted, &jwt].concat();
    app.post("/oauth/token").form(&both).send().await.expect_oauth_error("invalid_request");
}

async fn client_id_in_the_form_must_fit(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    for (id, is_own) in [(client.id.as_str(), true), ("another", false)] {
        let form = [&FIELDS[..], &[("client_id", id)]].concat();
        let reply = app.post("/oauth/token").basic(&client.id, secret(client)).form(&form).send().await;
        if is_own { expect_authenticated(&reply) } else { expect_invalid_client(&reply) }
    }
}

async fn confidential_client_cannot_act_as_public(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    let mut bare = request.clone();
    bare.client.secret = None;
    expect_invalid_client(&exchange(app, &bare, &code).await);
    // The wrong attempts cost the code nothing: they did not come from its client.
    granted(exchange(app, &request, &code).await);
}

async fn public_client_has_no_secret(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world_with(store, public()).await;
    expect_authenticated(&super::token(app, client, &FIELDS).await);
    expect_invalid_client(&basic(app, &client.id, "").await);
    expect_invalid_client(&basic(app, &client.id, "x").await);
    let form = [&FIELDS[..], &[("client_id", client.id.as_str()), ("client_secret", "x")]].concat();
    expect_invalid_client(&app.post("/oauth/token").form(&form).send().await);
}

async fn secret_in_the_query_is_ignored(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world_with(store, json!({ "auth_method": "client_secret_post" })).await;
    let path = format!("/oauth/token?client_id={}&client_secret={}", client.id, secret(client));
    expect_invalid_client(&app.post(&path).form(&FIELDS).send().await);
    expect_authenticated(&super::token(app, client, &FIELDS).await);
}

/// Adds a secret, and returns the answer.
async fn add_secret(world: &World, body: &Value) -> Reply {
    let path = format!("/admin/clients/{}/secrets", world.client.id);
    world.app.post(&path).bearer(&world.admin().await).json(body).send().await
}

/// The plain secret in an answer.
#[track_caller]
fn plain(body: &Value) -> String {
    text(&body["client_secret"])
}

async fn several_secrets_work_at_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    let new = add_secret(&world, &json!({})).await.expect_status(201).json();
    for secret in [secret(&world.client), &plain(&new)] {
        expect_authenticated(&basic(&world.app, &world.client.id, secret).await);
    }
}

async fn secret_expires(store: Arc<dyn Store>) {
    let world = world(store).await;
    // One hour after the time of the clock.
    let body = json!({ "expires_at": "2030-03-17T18:46:40Z" });
    let new = add_secret(&world, &body).await.expect_status(201).json();
    expect_authenticated(&basic(&world.app, &world.client.id, &plain(&new)).await);
    world.app.clock.advance(Duration::minutes(59));
    expect_authenticated(&basic(&world.app, &world.client.id, &plain(&new)).await);
    world.app.clock.advance(Duration::minutes(1));
    expect_invalid_client(&basic(&world.app, &world.client.id, &plain(&new)).await);
    expect_authenticated(&basic(&world.app, &world.client.id, secret(&world.client)).await);
}

async fn deleted_secret_ends_at_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    let new = add_secret(&world, &json!({})).await.expect_status(201).json();
    let path = format!("/admin/clients/{}/secrets/{}", world.client.id, text(&new["id"]));
    let admin = world.admin().await;
    world.app.delete(&path).bearer(&admin).send().await.expect_done();
    expect_invalid_client(&basic(&world.app, &world.client.id, &plain(&new)).await);
    expect_authenticated(&basic(&world.app, &world.client.id, secret(&world.client)).await);
    world.app.delete(&path).bearer(&admin).send().await.expect_problem(404, "not-found");
}

async fn a_client_has_at_most_five_secrets(store: Arc<dyn Store>) {
    let world = world(store).await;
    for _ in 0..4 {
        let _ = add_secret(&world, &json!({})).await.expect_status(201);
    }
    add_secret(&world, &json!({})).await.expect_problem(409, "too-many-secrets");
    expect_authenticated(&basic(&world.app, &world.client.id, secret(&world.client)).await);
}

async fn secrets_are_shown_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    let new = add_secret(&world, &json!({})).await.expect_status(201).json();
    let admin = world.admin().await;
    for path in ["/admin/clients".to_owned(), format!("/admin/clients/{}", world.client.id)] {
        let reply = world.app.get(&path).bearer(&admin).send().await.expect_status(200);
        for shown in [secret(&world.client), &plain(&new)] {
            let random = shown.strip_prefix(PREFIX).expect("the prefix");
            assert!(!reply.text().contains(shown) && !reply.text().contains(random), "{reply}");
        }
        assert!(!reply.text().contains("digest"), "{reply}");
    }
}

/// RFC 8959.
async fn secrets_have_a_recognisable_prefix(store: Arc<dyn Store>) {
    let world = world(store).await;
    let random = secret(&world.client).strip_prefix(PREFIX).expect("the prefix");
    assert!(random.len() >= 43, "256 bits have 43 characters of base64url");
}

/// RFC 7523.
async fn signed_assertion_authenticates_once(store: Arc<dyn Store>) {
    let forger = Forger::with(key());
    let jwks = json!({ "keys": [forger.jwk("one")] }).to_string();
    let changes = json!({ "auth_method": "private_key_jwt", "jwks": jwks });
    let World { app, client, .. } = &world_with(store, changes).await;
    assert_eq!(client.secret, None);
    let (header, now) = (json!({ "alg": "RS256", "kid": "one" }).to_string(), app.clock_seconds());
    let sign = |id: &str, audience: &str| {
        let claims = json!({
            "iss": client.id, "sub": client.id, "aud": audience, "jti": id, "iat": now, "exp": now + 60,
        });
        forger.sign(Algorithm::Rs256, &header, claims.to_string())
    };
    let present = async |assertion: &str| {
        let signed = [("client_assertion", assertion), ("client_assertion_type", JWT_BEARER)];
        app.post("/oauth/token").form(&[&FIELDS[..], &signed].concat()).send().await
    };
    let first = sign("1", ISSUER);
    expect_authenticated(&present(&first).await);
    expect_invalid_client(&present(&first).await);
    expect_authenticated(&present(&sign("2", ISSUER)).await);
    expect_invalid_client(&present(&sign("3", "https://other.example")).await);
    let mut forged = sign("4", ISSUER);
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.push(last);
    expect_invalid_client(&present(&forged).await);
    // Its id alone does not suffice.
    expect_invalid_client(&super::token(app, client, &FIELDS).await);
}
