//! Tokens of applications: their claims, and what they do not permit.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, Browser, ISSUER, forge};
use serde_json::{Value, json};

use super::{
    World, expect_bearer_error, expect_live, sign_in, third_party, token, userinfo, world, world_with,
};
use crate::http::protected;

stories! {
    application_token_opens_no_own_endpoint
    superusers_application_gets_no_power
    id_token_is_no_access_token
    own_access_token_is_none_of_an_application
    access_token_has_the_claims_of_the_standard
    introspection_shows_client_and_scope
    introspection_follows_the_session
    clients_introspect_with_their_secret
    application_revokes_its_access_token
    client_credentials_need_the_grant_type
    userinfo_without_token_is_refused
    userinfo_is_current
}

async fn application_token_opens_no_own_endpoint(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in_with("openid profile email offline_access").await;
    for operation in protected::operations(&world.app) {
        if operation.path == "/oauth/userinfo" || operation.path == "/auth/introspect" {
            continue;
        }
        let reply = protected::attempt(&world.app, &operation).bearer(&tokens.access).send().await;
        assert_eq!(reply.status, 401, "{reply}");
        reply.expect_invalid_token();
    }
    world.app.try_refresh(tokens.refresh()).await.expect_invalid_token();
    expect_live(&world.app, &world.client, &tokens).await;
}

async fn superusers_application_gets_no_power(store: Arc<dyn Store>) {
    let World { app, boss, client, .. } = &world(store).await;
    let request = client.request().with("scope", "openid profile email");
    let tokens = sign_in(app, &mut Browser::new(app), boss, &request).await;
    for path in ["/admin/users", "/admin/clients", "/admin/audit", "/users/me"] {
        app.get(path).bearer(&tokens.access).send().await.expect_invalid_token();
    }
    let (_, claims) = forge::open(&tokens.access);
    assert!(claims.get("is_superuser").is_none(), "{claims}");
    assert!(tokens.claims().get("is_superuser").is_none());
    let claims = userinfo(app, &tokens.access).await.expect_status(200).json();
    assert!(claims.get("is_superuser").is_none(), "{claims}");
}

async fn id_token_is_no_access_token(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, boss, client, .. } = &world;
    let (_, tokens) = world.signed_in().await;
    let of_boss = sign_in(app, &mut Browser::new(app), boss, &client.request()).await;
    for id_token in [tokens.id(), of_boss.id()] {
        expect_bearer_error(&userinfo(app, id_token).await, 401, "invalid_token");
        app.me(id_token).await.expect_invalid_token();
        app.get("/admin/users").bearer(id_token).send().await.expect_invalid_token();
        app.try_refresh(id_token).await.expect_invalid_token();
        super::refresh(app, client, id_token).await.expect_oauth_error("invalid_grant");
        assert_eq!(introspect(&world, id_token).await, json!({ "active": false }));
    }
    // Resource servers tell them apart by the type, too (RFC 9068 section 4).
    assert_ne!(forge::open(tokens.id()).0["typ"], "at+jwt");
}

/// A token for this service's own API has no scope `openid`.
async fn own_access_token_is_none_of_an_application(store: Arc<dyn Store>) {
    let world = world(store).await;
    expect_bearer_error(&userinfo(&world.app, &world.ann.tokens.access).await, 401, "invalid_token");
}

async fn access_token_has_the_claims_of_the_standard(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in_with("openid profile").await;
    let (header, claims) = super::verified(&world.app, &tokens.access).await;
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));
    let now = world.app.clock_seconds();
    for (name, expected) in [
        ("iss", json!(ISSUER)),
        ("sub", json!(world.ann.id)),
        ("aud", json!(AUDIENCE)),
        ("client_id", json!(world.client.id)),
        ("scope", json!("openid profile")),
        ("iat", json!(now)),
        ("exp", json!(now + 1_800)),
        ("auth_time", json!(now)),
        ("acr", json!("aal1")),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    assert!(claims["jti"].is_string() && claims["sid"] == tokens.claims()["sid"], "{claims}");
    assert!(claims.get("email").is_none() && claims.get("is_superuser").is_none(), "{claims}");
}

async fn introspect(world: &World, token: &str) -> Value {
    let admin = world.admin().await;
    let call = world.app.post("/auth/introspect").bearer(&admin).form(&[("token", token)]);
    call.send().await.expect_status(200).json()
}

async fn introspection_shows_client_and_scope(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in_with("openid offline_access").await;
    for token in [&tokens.access, tokens.refresh.as_ref().expect("a refresh token")] {
        let found = introspect(&world, token).await;
        assert_eq!((&found["active"], &found["sub"]), (&json!(true), &json!(world.ann.id)), "{found}");
        assert_eq!(found["client_id"], world.client.id, "{found}");
    }
    let found = introspect(&world, &tokens.access).await;
    assert_eq!(found["scope"], "openid offline_access", "{found}");
}

async fn introspection_follows_the_session(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    super::change_client(&world, json!({ "state": "disabled" })).await;
    assert_eq!(introspect(&world, &tokens.access).await, json!({ "active": false }));
    super::change_client(&world, json!({ "state": "active" })).await;
    assert_eq!(introspect(&world, &tokens.access).await["active"], true);
    super::change_user(&world, &world.ann, json!({ "is_active": false })).await;
    assert_eq!(introspect(&world, &tokens.access).await, json!({ "active": false }));
}

async fn clients_introspect_with_their_secret(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, boss, client, .. } = &world;
    let (_, tokens) = world.signed_in().await;
    let service = json!({
        "kind": "service", "grant_types": ["client_credentials"], "redirect_uris": [],
        "post_logout_redirect_uris": [], "scopes": [], "first_party": false,
    });
    let service = super::create_client(app, boss, service).await;
    for caller in [&service, client] {
        let secret = caller.secret.as_deref().expect("a secret");
        let call = app.post("/auth/introspect").basic(&caller.id, secret).form(&[("token", &tokens.access)]);
        assert_eq!(call.send().await.expect_status(200).json()["sub"], world.ann.id);
    }
}

/// RFC 7009: the session of the token ends.
async fn application_revokes_its_access_token(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    let secret = world.client.secret.as_deref().expect("a secret");
    let call = world.app.post("/auth/revoke").basic(&world.client.id, secret);
    let _ = call.form(&[("token", &tokens.access)]).send().await.expect_status(200);
    super::expect_ended(&world.app, &world.client, &tokens).await;
}

async fn client_credentials_need_the_grant_type(store: Arc<dyn Store>) {
    let grants = json!({
        "grant_types": ["authorization_code", "client_credentials"], "scopes": ["openid", "reports"],
    });
    let World { app, client, .. } = &world_with(store, grants).await;
    let fields = [("grant_type", "client_credentials")];
    let body = token(app, client, &fields).await.expect_status(200).json();
    // Scopes about a user are none for the client itself.
    assert_eq!((&body["scope"], body.get("refresh_token")), (&json!("reports"), None), "{body}");
    assert!(body.get("id_token").is_none(), "{body}");
    let wide = [("grant_type", "client_credentials"), ("scope", "openid reports")];
    token(app, client, &wide).await.expect_oauth_error("invalid_scope");
    let access = super::text(&body["access_token"]);
    expect_bearer_error(&userinfo(app, &access).await, 401, "invalid_token");
}

async fn userinfo_without_token_is_refused(store: Arc<dyn Store>) {
    let World { app, .. } = &world(store).await;
    for call in
        [app.get("/oauth/userinfo"), app.post("/oauth/userinfo"), app.post("/oauth/userinfo").form(&[])]
    {
        let reply = call.send().await;
        assert_eq!(reply.status, 401, "{reply}");
        assert!(reply.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer")), "{reply}");
    }
    for token in ["x", "a.b.c"] {
        expect_bearer_error(&userinfo(app, token).await, 401, "invalid_token");
    }
}

async fn userinfo_is_current(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let World { app, ann, client, .. } = &world;
    let request = client.request().with("scope", "openid profile");
    let mut browser = Browser::new(app);
    let page = super::log_in(&mut browser, ann, &request).await.page();
    let code = request.outcome(super::consent(&mut browser, &page, "allow").await).code();
    let tokens = super::granted(super::exchange(app, &request, &code).await);
    super::change_user(&world, ann, json!({ "tier": "premium" })).await;
    let claims = userinfo(app, &tokens.access).await.expect_status(200).json();
    assert_eq!(claims["tier"], "premium");
}
