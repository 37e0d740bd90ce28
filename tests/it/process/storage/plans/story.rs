//! Executes every operation at least once.

use std::thread;

use inwren_tests::process::{Call, Program, Service};
use serde_json::json;

use super::{clients, factors, listing};
use crate::process::support::client::{PASSWORD, Tokens, join, login, me, refresh, register};
use crate::process::support::database::Storage;

/// The superuser of the story.
pub(super) const ROOT: &str = "root@plans.example";
const OTHER_PASSWORD: &str = "another pass phrase of the tests";

pub(super) fn tell(service: &Service, program: &Program, storage: &Storage, users: u32) {
    let root = Tokens::of(&service.call(&login(ROOT, PASSWORD)).expect(200));
    listing::every_filter(service, storage, &root, users);
    own_account(service);
    factors::tell(service, program, storage);
    many_sessions(service);
    administration(service, &root);
    machines(service, program, &root);
    clients::tell(service, storage, &root);
    audit(service, &root);
    crowd(service);
    for path in ["/health", "/.well-known/jwks.json", "/"] {
        service.call(&Call::get(path)).expect(200);
    }
}

fn user_fixture(service: &Service, name: &str) -> Tokens {
    join(&mut service.connect(), &format!("{name}@plans.example")).expect("an answer")
}

fn own_account(service: &Service) {
    let ann = user_fixture(service, "ann");
    service.call(&register("Ann@plans.example", PASSWORD)).expect(409);
    service.call(&login("ann@plans.example", OTHER_PASSWORD)).expect(401);
    service.call(&login("nobody@plans.example", PASSWORD)).expect(401);
    service.call(&me(&ann.access)).expect(200);
    for change in [json!({ "tier": "premium" }), json!({ "email": "lee@plans.example" })] {
        service.call(&Call::new("PUT", "/users/me").bearer(&ann.access).json(&change)).expect(200);
    }
    let taken = json!({ "email": ROOT });
    service.call(&Call::new("PUT", "/users/me").bearer(&ann.access).json(&taken)).expect(409);

    let second = Tokens::of(&service.call(&refresh(&ann.refresh)));
    service.call(&refresh(&ann.refresh)).expect(200);
    let third = Tokens::of(&service.call(&refresh(&second.refresh)));
    // The first token is neither the live one nor its predecessor.
    service.call(&refresh(&ann.refresh)).expect(401);
    service.call(&refresh(&third.refresh)).expect(401);

    let again = Tokens::of(&service.call(&login("lee@plans.example", PASSWORD)));
    let passwords = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let change = Call::post("/users/me/password", &passwords).bearer(&again.access);
    let again = Tokens::of(&service.call(&change).expect(200));
    service.call(&Call::new("POST", "/auth/logout").bearer(&again.access)).expect(204);
    let last = Tokens::of(&service.call(&login("lee@plans.example", OTHER_PASSWORD)));
    service.call(&Call::new("DELETE", "/users/me").bearer(&last.access)).expect(204);
    service.call(&login("lee@plans.example", OTHER_PASSWORD)).expect(401);
}

fn many_sessions(service: &Service) {
    let bob = user_fixture(service, "bob");
    for _ in 0..10 {
        service.call(&login("bob@plans.example", PASSWORD)).expect(200);
    }
    let list = service.call(&Call::get("/users/me/sessions").bearer(&bob.access)).expect(200).json();
    let sessions = list["items"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 11);
    let other = sessions.iter().find(|session| session["current"] == false).expect("another one");
    let path = format!("/users/me/sessions/{}", other["id"].as_str().expect("an id"));
    service.call(&Call::new("DELETE", path).bearer(&bob.access)).expect(204);
    service.call(&Call::new("DELETE", "/users/me/sessions").bearer(&bob.access)).expect(204);
    service.call(&Call::new("POST", "/auth/revoke").form(&[("token", &bob.refresh)])).expect(200);
}

fn administration(service: &Service, root: &Tokens) {
    let cleo = user_fixture(service, "cleo");
    let id = service.call(&me(&cleo.access)).expect(200).text("id");
    let path = format!("/admin/users/{id}");
    let ask = |method: &str, path: &str| service.call(&Call::new(method, path).bearer(&root.access));
    let change = |change: serde_json::Value| {
        service.call(&Call::new("PUT", &path).bearer(&root.access).json(&change)).expect(200);
    };
    ask("GET", &path).expect(200);
    ask("GET", &format!("{path}/sessions")).expect(200);
    change(json!({ "is_superuser": true }));
    change(json!({ "is_superuser": false, "tier": "enterprise" }));
    change(json!({ "is_active": false }));
    change(json!({ "is_active": true, "email": "cleopatra@plans.example" }));
    service.call(&login("cleopatra@plans.example", PASSWORD)).expect(200);
    ask("DELETE", &format!("{path}/sessions")).expect(204);
    ask("DELETE", &path).expect(204);
    ask("DELETE", &path).expect(404);
}

fn machines(service: &Service, program: &Program, root: &Tokens) {
    let dan = user_fixture(service, "dan");
    let introspect = |token: &str| {
        let call = Call::new("POST", "/auth/introspect").bearer(&root.access).form(&[("token", token)]);
        service.call(&call).expect(200).json()
    };
    assert_eq!(introspect(&dan.access)["active"], true);
    assert_eq!(introspect(&dan.refresh)["active"], true);
    let password = [("username", "dan@plans.example"), ("password", "a+pass+phrase+of+the+tests")];
    service.call(&Call::new("POST", "/auth/access-token").form(&password)).expect(200);

    let text = program.clone().args(["clients", "create", "plans"]).run().with_code(0);
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.trim_start_matches(':').trim().to_owned()
    };
    let (id, secret) = (field("client_id"), field("client_secret"));
    let grant =
        [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", secret.as_str())];
    service.call(&Call::new("POST", "/auth/access-token").form(&grant)).expect(200);
    program.clone().args(["clients", "list"]).run().with_code(0);
    program.clone().args(["clients", "revoke", &id, "--yes"]).run().with_code(0);
    let set = ["users", "set-password", "dan@plans.example", "--password-stdin"];
    program.clone().args(set).input(OTHER_PASSWORD).run().with_code(0);
}

/// The audit log under every filter, two pages of each.
fn audit(service: &Service, root: &Tokens) {
    let get = |path: &str| service.call(&Call::get(path).bearer(&root.access)).expect(200).json();
    let user = service.call(&me(&root.access)).expect(200).text("id");
    let subjects = [String::new(), format!("&subject=user:{user}"), format!("&subject=client:{user}")];
    let periods =
        ["", "&since=2026-01-01T00:00:00Z", "&since=2026-01-01T00:00:00Z&until=2126-01-01T00:00:00Z"];
    for subject in &subjects {
        for kind in ["", "&kind=logged_in", "&kind=service_client_revoked", "&kind=user_imported"] {
            for period in periods {
                let path = format!("/admin/audit?limit=1{subject}{kind}{period}");
                if let Some(next) = get(&path)["next_cursor"].as_str() {
                    get(&format!("{path}&cursor={next}"));
                }
            }
        }
    }
    get(&format!("/admin/audit?subject={user}"));
    get("/users/me/activity");
}

/// Concurrent requests, which the service may batch into statements that a single request never causes.
fn crowd(service: &Service) {
    let people: Vec<Tokens> = (0..8).map(|number| user_fixture(service, &format!("eve-{number}"))).collect();
    thread::scope(|scope| {
        for tokens in people {
            scope.spawn(move || {
                let mut connection = service.connect();
                for _ in 0..25 {
                    connection.call(&me(&tokens.access)).expect("an answer").expect(200);
                }
                connection.call(&refresh(&tokens.refresh)).expect("an answer").expect(200);
            });
        }
    });
}

/// Letters, and what their links permit. In development the log has the links.
pub(super) fn letters(service: &Service, program: &Program) {
    let (new, former) = ("flo@plans.example", "gil@plans.example");
    let post = |path: &str, body: serde_json::Value| service.call(&Call::post(path, &body));
    let pending = service.call(&register(new, PASSWORD)).expect(202).text("verification_id");
    service.call(&register(ROOT, PASSWORD)).expect(202);
    post("/auth/verify-email", json!({ "verification_id": pending, "code": "00000000" })).expect(400);
    post("/auth/verify-email/resend", json!({ "email": new })).expect(202);
    let token = token_of(service, "verify");
    service.call(&Call::get(&format!("/account/verify?t={token}"))).expect(200);
    post("/auth/verify-email", json!({ "token": token, "password": PASSWORD })).expect(201);

    for email in ["nobody@plans.example", new] {
        post("/auth/password/forgot", json!({ "email": email })).expect(202);
    }
    let token = token_of(service, "reset");
    post("/auth/password/reset", json!({ "token": token, "new_password": OTHER_PASSWORD })).expect(204);

    let flo = Tokens::of(&service.call(&login(new, OTHER_PASSWORD)));
    let change = Call::new("PUT", "/users/me").bearer(&flo.access).json(&json!({ "email": former }));
    service.call(&change).expect(202);
    let (confirm, undo) = (token_of(service, "email"), token_of(service, "undo"));
    post("/auth/email/confirm", json!({ "token": confirm })).expect(204);
    post("/auth/email/undo", json!({ "token": undo })).expect(204);

    let root = Tokens::of(&service.call(&login(ROOT, PASSWORD)));
    let as_root = |call: Call| service.call(&call.bearer(&root.access));
    as_root(Call::post("/admin/users", &json!({ "email": "hal@plans.example" }))).expect(201);
    let token = token_of(service, "invite");
    post("/auth/invitations/accept", json!({ "token": token, "password": PASSWORD })).expect(204);
    for state in ["", "&state=dead", "&state=pending", "&state=delivered"] {
        let path = format!("/admin/outbox?limit=1{state}");
        let next = as_root(Call::get(&path)).expect(200).text("next_cursor");
        as_root(Call::get(&format!("{path}&cursor={next}"))).expect(200);
    }
    let dead = as_root(Call::get("/admin/outbox?limit=1&state=dead")).expect(200).json();
    let dead = dead["items"][0]["id"].as_str().expect("an id").to_owned();
    as_root(Call::new("POST", format!("/admin/outbox/{dead}/retry"))).expect(202);
    program.clone().args(["sweep"]).run().with_code(0);
}

/// The token of the first link to this page in the log.
pub(super) fn token_of(service: &Service, page: &str) -> String {
    let begin = format!("/account/{page}?t=");
    service.wait_for(&begin);
    let log = service.log();
    let (_, rest) = log.split_once(&begin).expect("a link");
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}
