//! Superusers manage clients.

use std::sync::Arc;

use inwren_domain::audit::{AuditEventKind, AuditFilter};
use inwren_domain::store::Store;
use inwren_tests::app::Reply;
use inwren_tests::fixtures::{audit_events, unique};
use serde_json::{Value, json};

use super::{World, create_client, public, settings, text, world};

stories! {
    created_client_is_returned_with_its_secret
    defaults_depend_on_the_kind
    client_without_id_gets_one
    taken_id_is_refused
    taken_name_is_refused
    invalid_settings_are_refused_by_field
    contradicting_settings_are_refused
    update_keeps_omitted_fields
    update_cannot_take_a_name
    invalid_update_changes_nothing
    unknown_clients_are_not_found
    pages_list_every_client_once
    only_superusers_manage_clients
    client_without_secret_gets_none
    expired_secrets_cannot_be_created
    changes_are_audited
    deleted_id_is_free_again
}

async fn create(world: &World, body: &Value) -> Reply {
    world.app.post("/admin/clients").bearer(&world.boss.tokens.access).json(body).send().await
}

async fn get(world: &World, id: &str) -> Reply {
    world.app.get(&format!("/admin/clients/{id}")).bearer(&world.boss.tokens.access).send().await
}

async fn update(world: &World, id: &str, body: &Value) -> Reply {
    let path = format!("/admin/clients/{id}");
    world.app.put(&path).bearer(&world.boss.tokens.access).json(body).send().await
}

async fn created_client_is_returned_with_its_secret(store: Arc<dyn Store>) {
    let world = world(store).await;
    let body = settings(json!({ "allowed_tiers": ["premium"], "resources": ["https://orders.example"] }));
    let reply = create(&world, &body).await.expect_status(201);
    let id = text(&body["id"]);
    assert!(
        reply.header("location").is_some_and(|url| url.ends_with(&format!("/admin/clients/{id}"))),
        "{reply}"
    );
    let mut created = reply.json();
    assert!(text(&created["client_secret"]).starts_with("secret-token:inwren_"));
    for (name, value) in body.as_object().expect("fields") {
        assert_eq!(created[name.as_str()], *value, "{name}");
    }
    let fields = created.as_object_mut().expect("fields");
    fields.remove("client_secret");
    let mut shown = get(&world, &id).await.expect_status(200).json();
    let secrets = shown.as_object_mut().expect("fields").remove("secrets").expect("secrets");
    assert_eq!(shown, created);
    assert_eq!(secrets.as_array().map(Vec::len), Some(1));
    assert_eq!(secrets[0]["expires_at"], Value::Null);
}

async fn defaults_depend_on_the_kind(store: Arc<dyn Store>) {
    let world = world(store).await;
    let n = unique();
    let uris = json!(["https://app.example/callback"]);
    for (kind, method, grants, has_secret) in [
        ("confidential", "client_secret_basic", json!(["authorization_code", "refresh_token"]), true),
        ("public", "none", json!(["authorization_code", "refresh_token"]), false),
        ("service", "client_secret_basic", json!(["client_credentials"]), true),
    ] {
        let uris = if kind == "service" { json!([]) } else { uris.clone() };
        let body = json!({ "name": format!("{kind} {n}"), "kind": kind, "redirect_uris": uris });
        let created = create(&world, &body).await.expect_status(201).json();
        assert_eq!((&created["auth_method"], &created["grant_types"]), (&json!(method), &grants), "{kind}");
        assert_eq!(created["client_secret"].is_string(), has_secret, "{kind}");
        assert_eq!((&created["first_party"], &created["min_acr"]), (&json!(false), &json!("aal1")));
        assert_eq!((&created["access_minutes"], &created["refresh_days"]), (&json!(30), &json!(7)));
        assert_eq!(created["state"], "active");
    }
}

async fn client_without_id_gets_one(store: Arc<dyn Store>) {
    let world = world(store).await;
    let mut body = settings(json!({}));
    body.as_object_mut().expect("fields").remove("id");
    let created = create(&world, &body).await.expect_status(201).json();
    let id = text(&created["id"]);
    assert!(id.len() >= 20, "{id}");
    let _ = get(&world, &id).await.expect_status(200);
}

async fn taken_id_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let body = settings(json!({ "id": world.client.id }));
    create(&world, &body).await.expect_problem(409, "client-id-taken");
    // Ids are compared byte by byte.
    let other = settings(json!({ "id": world.client.id.to_uppercase() }));
    let _ = create(&world, &other).await.expect_status(201);
}

async fn taken_name_is_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let body = settings(json!({ "name": world.client.settings["name"] }));
    create(&world, &body).await.expect_problem(409, "client-name-taken");
}

async fn invalid_settings_are_refused_by_field(store: Arc<dyn Store>) {
    let world = world(store).await;
    for (field, value) in [
        ("id", json!("a b")),
        ("id", json!("a/b")),
        ("id", json!("ä")),
        ("id", json!("x".repeat(65))),
        ("name", json!("")),
        ("name", json!("two\nlines")),
        ("name", json!("x".repeat(101))),
        ("kind", json!("native")),
        ("redirect_uris", json!(["http://app.example/"])),
        ("post_logout_redirect_uris", json!(["https://app.example/#x"])),
        ("scopes", json!(["a b"])),
        ("grant_types", json!(["implicit"])),
        ("auth_method", json!("tls_client_auth")),
        ("min_acr", json!("aal3")),
        ("allowed_tiers", json!(["unknown"])),
        ("access_minutes", json!(0)),
        ("access_minutes", json!(61)),
        ("refresh_days", json!(0)),
        ("refresh_days", json!(366)),
        ("backchannel_logout_uri", json!("com.example.app:/logout")),
        ("resources", json!(["orders"])),
        ("state", json!("unknown")),
    ] {
        let body = settings(json!({ field: value }));
        let reply = create(&world, &body).await;
        let problem = reply.expect_problem(422, "validation-failed");
        let pointer = problem["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
        assert!(pointer == format!("/{field}") || pointer.starts_with(&format!("/{field}/")), "{reply}");
    }
    let unknown = settings(json!({ "implicit": true }));
    create(&world, &unknown).await.expect_problem(422, "validation-failed");
}

async fn contradicting_settings_are_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    for (field, changes) in [
        ("auth_method", json!({ "kind": "public" })),
        ("auth_method", json!({ "auth_method": "none" })),
        ("grant_types", json!({ "kind": "service" })),
        ("grant_types", json!({ "grant_types": [] })),
        ("grant_types", json!({ "grant_types": ["refresh_token"], "redirect_uris": [] })),
        (
            "grant_types",
            json!({
                "kind": "public", "auth_method": "none",
                "grant_types": ["authorization_code", "client_credentials"],
            }),
        ),
        ("redirect_uris", json!({ "redirect_uris": [] })),
        ("jwks", json!({ "auth_method": "private_key_jwt" })),
        ("jwks", json!({ "jwks": "{\"keys\":[]}" })),
    ] {
        let reply = create(&world, &settings(changes)).await;
        reply.expect_invalid(&[&format!("/{field}")]);
    }
}

async fn update_keeps_omitted_fields(store: Arc<dyn Store>) {
    let world = world(store).await;
    let before = get(&world, &world.client.id).await.json();
    let changed = update(&world, &world.client.id, &json!({ "access_minutes": 10 })).await;
    assert_eq!(changed.expect_status(200).json()["access_minutes"], 10);
    let mut after = get(&world, &world.client.id).await.json();
    after["access_minutes"] = before["access_minutes"].clone();
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
}

async fn update_cannot_take_a_name(store: Arc<dyn Store>) {
    let world = world(store).await;
    let other = create_client(&world.app, &world.boss, public()).await;
    let body = json!({ "name": other.settings["name"] });
    update(&world, &world.client.id, &body).await.expect_problem(409, "client-name-taken");
    // Its own name is free.
    let body = json!({ "name": world.client.settings["name"] });
    let _ = update(&world, &world.client.id, &body).await.expect_status(200);
}

async fn invalid_update_changes_nothing(store: Arc<dyn Store>) {
    let world = world(store).await;
    let before = get(&world, &world.client.id).await.json();
    for body in [
        json!({ "auth_method": "none" }),
        json!({ "access_minutes": 0 }),
        json!({ "redirect_uris": [] }),
        json!({ "redirect_uris": ["https://*.example/"] }),
        json!({ "id": "another" }),
        json!({ "client_secret": "chosen" }),
    ] {
        let _ = update(&world, &world.client.id, &body).await.expect_status(422);
    }
    assert_eq!(get(&world, &world.client.id).await.json(), before);
}

async fn unknown_clients_are_not_found(store: Arc<dyn Store>) {
    let world = world(store).await;
    let token = &world.boss.tokens.access;
    for id in ["unknown", "a%20b", "%2e"] {
        get(&world, id).await.expect_problem(404, "not-found");
        update(&world, id, &json!({})).await.expect_problem(404, "not-found");
        let path = format!("/admin/clients/{id}");
        world.app.delete(&path).bearer(token).send().await.expect_problem(404, "not-found");
        let secrets = world.app.post(&format!("{path}/secrets")).bearer(token).json(&json!({})).send().await;
        secrets.expect_problem(404, "not-found");
    }
}

async fn pages_list_every_client_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    for _ in 0..6 {
        create_client(&world.app, &world.boss, public()).await;
    }
    let mut ids = Vec::new();
    let mut path = "/admin/clients?limit=3".to_owned();
    for _ in 0..3 {
        let reply = world.app.get(&path).bearer(&world.boss.tokens.access).send().await.expect_status(200);
        let page = reply.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 3 && items.iter().all(|item| item.get("client_secret").is_none()), "{reply}");
        ids.extend(items.iter().map(|item| text(&item["id"])));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/admin/clients?limit=3&cursor={next}");
    }
    assert_eq!(ids.len(), 7);
    assert!(ids.is_sorted() && ids.contains(&world.client.id), "{ids:?}");
    let wrong = world.app.get("/admin/clients?cursor=x").bearer(&world.boss.tokens.access).send().await;
    let _ = wrong.expect_status(422);
}

async fn only_superusers_manage_clients(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let id = &client.id;
    let calls = || {
        let secret = "0193a0b0-7c3e-7000-8000-000000000001";
        [
            ("GET", "/admin/clients".to_owned()),
            ("POST", "/admin/clients".to_owned()),
            ("GET", format!("/admin/clients/{id}")),
            ("PUT", format!("/admin/clients/{id}")),
            ("DELETE", format!("/admin/clients/{id}")),
            ("POST", format!("/admin/clients/{id}/secrets")),
            ("DELETE", format!("/admin/clients/{id}/secrets/{secret}")),
        ]
        .map(|(method, path)| app.call(method, &path).json(&json!({ "state": "disabled" })))
    };
    for call in calls() {
        call.bearer(&ann.tokens.access).send().await.expect_problem(403, "not-permitted");
    }
    for call in calls() {
        call.send().await.expect_problem(401, "missing-token");
    }
}

async fn client_without_secret_gets_none(store: Arc<dyn Store>) {
    let world = world(store).await;
    let app = create_client(&world.app, &world.boss, public()).await;
    assert_eq!(app.secret, None);
    let path = format!("/admin/clients/{}/secrets", app.id);
    let call = world.app.post(&path).bearer(&world.boss.tokens.access).json(&json!({}));
    call.send().await.expect_problem(409, "client-without-secret");
}

async fn expired_secrets_cannot_be_created(store: Arc<dyn Store>) {
    let world = world(store).await;
    let path = format!("/admin/clients/{}/secrets", world.client.id);
    for time in ["2030-03-17T17:46:40Z", "2020-01-01T00:00:00Z", "tomorrow"] {
        let body = json!({ "expires_at": time });
        let reply = world.app.post(&path).bearer(&world.boss.tokens.access).json(&body).send().await;
        reply.expect_invalid(&["/expires_at"]);
    }
}

async fn changes_are_audited(store: Arc<dyn Store>) {
    let world = world(store.clone()).await;
    let (token, path) = (&world.boss.tokens.access, format!("/admin/clients/{}", world.client.id));
    let _ = update(&world, &world.client.id, &json!({ "access_minutes": 10 })).await.expect_status(200);
    // Nothing changes, so nothing is recorded.
    let _ = update(&world, &world.client.id, &json!({ "access_minutes": 10 })).await.expect_status(200);
    let secrets = format!("{path}/secrets");
    let new = world.app.post(&secrets).bearer(token).json(&json!({})).send().await.expect_status(201).json();
    let secret = format!("{secrets}/{}", text(&new["id"]));
    world.app.delete(&secret).bearer(token).send().await.expect_done();
    world.app.delete(&path).bearer(token).send().await.expect_done();
    let events = audit_events(&*store, &AuditFilter::default()).await.expect("events");
    for kind in [
        AuditEventKind::ClientCreated,
        AuditEventKind::ClientUpdated,
        AuditEventKind::ClientSecretCreated,
        AuditEventKind::ClientSecretDeleted,
        AuditEventKind::ClientDeleted,
    ] {
        let found: Vec<_> = events.iter().filter(|event| event.kind == kind).collect();
        assert_eq!(found.len(), 1, "{kind:?}");
        assert!(found[0].subject.to_string().starts_with("client:"), "{kind:?}");
        assert_eq!(found[0].actor_id.map(|id| id.to_string()), Some(world.boss.id.clone()));
    }
}

async fn deleted_id_is_free_again(store: Arc<dyn Store>) {
    let world = world(store).await;
    let path = format!("/admin/clients/{}", world.client.id);
    world.app.delete(&path).bearer(&world.boss.tokens.access).send().await.expect_done();
    get(&world, &world.client.id).await.expect_problem(404, "not-found");
    let created = create(&world, &world.client.settings).await.expect_status(201).json();
    assert_ne!(created["client_secret"].as_str(), world.client.secret.as_deref());
}
