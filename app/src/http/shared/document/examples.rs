//! Examples for all fields and parameters.

use poem_openapi::types::{Example as _, ToJSON as _};
use serde_json::{Value, json};

use crate::http::shared::body::{EXAMPLE_ASSERTION, EXAMPLE_REASON, EXAMPLE_SECRET};
use crate::http::shared::passkeys::{AssertionDto, RequestOptionsDto};
use crate::http::shared::problem::{FieldError, Kind, Problem};

/// Adds an example to each field, as part of the example of its schema, and to each parameter.
pub(super) fn complete(document: &mut Value) {
    document["components"]["schemas"]["Problem"]["example"] = problem(Kind::VALIDATION_FAILED);
    for (member, example) in members() {
        document["components"]["schemas"]["Problem"]["properties"][member]["example"] = example;
    }
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (name, schema) in schemas.into_iter().flatten() {
        let whole = schema["example"].clone();
        for (field, property) in super::properties(schema) {
            if let Some(example) = whole.get(field).filter(|part| !part.is_null()) {
                property["example"] = example.clone();
            } else if let Some(alternative) = alternative(field).filter(|_| property["example"].is_null()) {
                property["example"] = alternative;
            }
        }
        // The fields of these forms belong to different grants or methods, and an example has one of them. An object
        // within an object needs one example, because linters take the ids in two for ids of schemas.
        if whole.is_null() || FORMS_WITH_CHOICES.contains(&name.as_str()) || has_ids_within(&whole) {
            schema.as_object_mut().map(|schema| schema.remove("example"));
        }
    }
    for operation in super::operations(document) {
        for parameter in super::parameters(operation) {
            parameter["example"] = of_parameter(parameter["name"].as_str().unwrap_or_default());
        }
        let examples = match operation["operationId"].as_str() {
            Some("create_access_token") => grants(),
            Some("oauth_token") => grants_of_applications(),
            Some("introspect_token") => introspections(),
            _ => continue,
        };
        operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["examples"] = examples;
    }
}

/// Forms whose fields exclude each other.
const FORMS_WITH_CHOICES: [&str; 3] = ["AccessTokenForm", "OAuthTokenForm", "IntrospectionForm"];

/// Whether an object within the example has an id.
fn has_ids_within(whole: &Value) -> bool {
    let mut parts = whole.as_object().into_iter().flatten().map(|(_, part)| part);
    parts.any(|part| part["id"].is_string() || has_ids_within(part))
}

/// An example for a field that the example of its schema leaves out in favour of another field.
fn alternative(field: &str) -> Option<Value> {
    match field {
        "credential" => AssertionDto::example_of_field().to_json(),
        "challenge" => Some(json!(EXAMPLE_SECRET)),
        "reason" => Some(json!(EXAMPLE_REASON)),
        "jwks" => Some(json!(r#"{"keys":[{"kty":"EC","crv":"P-256","x":"…","y":"…"}]}"#)),
        "factor" => Some(json!({ "method": "totp", "code": "492039" })),
        _ => None,
    }
}

/// Examples of the members that only some problems have.
fn members() -> [(&'static str, Value); 8] {
    [
        ("retry_after", json!(2)),
        ("challenge", json!(EXAMPLE_SECRET)),
        ("methods", json!(["totp", "recovery_code", "passkey"])),
        ("expires_in", json!(300)),
        ("publicKey", RequestOptionsDto::example().to_json().unwrap_or_default()),
        ("attempts_left", json!(4)),
        ("max_age", json!(900)),
        ("acr_values", json!("aal2")),
    ]
}

fn of_parameter(name: &str) -> Value {
    match name {
        "limit" => json!(50),
        "cursor" => json!("AQAGI5taLAAAAZk7HnpcfzqdLmwbCk-OIQ"),
        "email" => json!("ann"),
        "tier" => json!("premium"),
        "client_id" => json!("grafana"),
        "subject" => json!("user:01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e21"),
        "kind" => json!("logged_in"),
        "state" => json!("dead"),
        "since" => json!("2026-11-01T00:00:00Z"),
        "until" => json!("2026-12-01T00:00:00Z"),
        "is_active" => json!(true),
        "is_superuser" => json!(false),
        _ => json!("01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e21"),
    }
}

fn grants() -> Value {
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln";
    json!({
        "password": {
            "summary": "Log in",
            "value": { "grant_type": "password", "username": "ann@example.org", "password": "securepassword123" },
        },
        "refresh_token": {
            "summary": "Refresh tokens",
            "value": { "grant_type": "refresh_token", "refresh_token": token },
        },
        "client_credentials": {
            "summary": "Get an access token for a service, which may also use HTTP Basic",
            "value": {
                "grant_type": "client_credentials",
                "client_id": "billing",
                "client_secret": "the secret that `inwren clients create` printed",
            },
        },
    })
}

fn grants_of_applications() -> Value {
    json!({
        "authorization_code": {
            "summary": "Exchange an authorization code, as a public client",
            "value": {
                "grant_type": "authorization_code",
                "code": EXAMPLE_SECRET,
                "redirect_uri": "http://127.0.0.1:51004/callback",
                "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                "client_id": "phone-app",
            },
        },
        "refresh_token": {
            "summary": "Refresh tokens, as a confidential client that uses HTTP Basic",
            "value": {
                "grant_type": "refresh_token",
                "refresh_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6InJ0K2p3dCJ9.e30.c2ln",
            },
        },
        "client_credentials": {
            "summary": "Get an access token for a service that signs assertions",
            "value": {
                "grant_type": "client_credentials",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": EXAMPLE_ASSERTION,
            },
        },
    })
}

fn introspections() -> Value {
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln";
    json!({
        "token": {
            "summary": "Introspect a token, as a client that uses HTTP Basic or as a superuser",
            "value": { "token": token },
        },
    })
}

/// Returns a problem as a client receives it.
pub(super) fn problem(kind: &'static Kind) -> Value {
    let errors = if kind == Kind::VALIDATION_FAILED { vec![FieldError::example()] } else { Vec::new() };
    let retry_after = matches!(kind.status, 429 | 503).then_some(2);
    let problem = Problem { errors, retry_after, ..Problem::of(kind) };
    let own: &[&str] = match kind.code {
        "second-factor-required" => &["challenge", "methods", "expires_in", "publicKey"],
        "invalid-factor" => &["attempts_left"],
        "insufficient-user-authentication" => &["max_age"],
        _ => &[],
    };
    let members = members().into_iter().filter(|(name, _)| own.contains(name));
    let problem = members.fold(problem, |problem, (name, value)| problem.member(name, value));
    problem.to_json("01993b1e7a5c7f3a9d2e6c1b0a4f8e21")
}
