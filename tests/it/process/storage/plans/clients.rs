//! Executes the operations of clients and consents at least once.

use inwren_tests::process::{Call, Service};
use serde_json::{Value, json};

use crate::process::support::client::{Tokens, join};
use crate::process::support::database::Storage;

const CLIENT: &str = "/admin/clients/plans-app";

pub(super) fn tell(service: &Service, storage: &Storage, root: &Tokens) {
    let as_root = |call: Call| service.call(&call.bearer(&root.access));
    let mut new = settings("Plans");
    new["id"] = "plans-app".into();
    let secret = as_root(Call::post("/admin/clients", &new)).expect(201).text("client_secret");
    new["id"] = "plans-twin".into();
    as_root(Call::post("/admin/clients", &new)).expect(409);
    let next = as_root(Call::get("/admin/clients?limit=1")).expect(200).text("next_cursor");
    as_root(Call::get(&format!("/admin/clients?limit=1&cursor={next}"))).expect(200);
    as_root(Call::new("PUT", CLIENT).json(&settings("Query plans"))).expect(200);
    as_root(Call::get(CLIENT)).expect(200);
    let another = as_root(Call::post(&format!("{CLIENT}/secrets"), &json!({}))).expect(201).text("id");
    as_root(Call::new("DELETE", format!("{CLIENT}/secrets/{another}"))).expect(204);
    exchange(service, &secret);
    consent(service, storage);
    as_root(Call::new("DELETE", CLIENT)).expect(204);
}

fn settings(name: &str) -> Value {
    json!({
        "name": name,
        "kind": "confidential",
        "redirect_uris": ["https://plans.example/cb"],
        "post_logout_redirect_uris": [],
        "scopes": ["openid", "email"],
        "grant_types": ["authorization_code", "refresh_token"],
        "auth_method": "client_secret_post",
        "first_party": false,
        "min_acr": "aal1",
        "allowed_tiers": [],
        "access_minutes": 30,
        "refresh_days": 7,
    })
}

/// A code that the service never issued.
fn exchange(service: &Service, secret: &str) {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "plans-app"),
        ("client_secret", secret),
        ("code", "Q29kZXMgYXJlIHNlY3JldCwgdGhpcyBvbmUgaXMgbm90IQ"),
        ("redirect_uri", "https://plans.example/cb"),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    service.call(&Call::new("POST", "/oauth/token").form(&form)).expect(400);
}

/// A consent, which its user withdraws.
fn consent(service: &Service, storage: &Storage) {
    let pam = join(&mut service.connect(), "pam@plans.example").expect("an answer");
    storage.ask(
        "INSERT INTO consents (user_id, client_uid, scope, created_at, updated_at) \
         SELECT u.id, c.uid, 'openid', c.created_at, c.created_at FROM users AS u, clients AS c \
         WHERE u.email = 'pam@plans.example' AND c.client_id = 'plans-app'",
    );
    service.call(&Call::get("/users/me/grants").bearer(&pam.access)).expect(200);
    let withdraw = Call::new("DELETE", "/users/me/grants/plans-app").bearer(&pam.access);
    service.call(&withdraw).expect(204);
}
