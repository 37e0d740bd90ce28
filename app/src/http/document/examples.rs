//! An example for every field and every parameter.

use serde_json::{Value, json};

use crate::http::problem::{FieldError, Kind, Problem};

/// Gives each field its part of the example that its whole has, and each parameter one of its own.
pub(super) fn complete(document: &mut Value) {
    document["components"]["schemas"]["Problem"]["example"] = problem(Kind::VALIDATION_FAILED);
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (name, schema) in schemas.into_iter().flatten() {
        let whole = schema["example"].clone();
        for (field, property) in super::properties(schema) {
            let part = whole.get(field).filter(|part| !part.is_null());
            if let Some(example) = part.cloned().or_else(|| spare(name, field)) {
                property["example"] = example;
            }
        }
        // Its fields belong to different grants, which have examples of their own.
        if whole.is_null() || name == "AccessTokenForm" {
            schema.as_object_mut().map(|schema| schema.remove("example"));
        }
    }
    for operation in super::operations(document) {
        for parameter in super::parameters(operation) {
            parameter["example"] = of_parameter(parameter["name"].as_str().unwrap_or_default());
        }
        if operation["operationId"] == "create_access_token" {
            operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["examples"] = grants();
        }
    }
}

/// What the example of the whole cannot have, because it would be untrue beside the rest.
fn spare(schema: &str, field: &str) -> Option<Value> {
    match (schema, field) {
        ("Introspection", "client_id") => Some(json!("01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e23")),
        _ => None,
    }
}

fn of_parameter(name: &str) -> Value {
    match name {
        "limit" => json!(50),
        "cursor" => json!("AQAGI5taLAAAAZk7HnpcfzqdLmwbCk-OIQ"),
        "email" => json!("ann"),
        "tier" => json!("premium"),
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
            "summary": "Refresh",
            "value": { "grant_type": "refresh_token", "refresh_token": token },
        },
        "client_credentials": {
            "summary": "A service client, which may also use HTTP Basic",
            "value": {
                "grant_type": "client_credentials",
                "client_id": "01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e23",
                "client_secret": "the secret that `inwren clients create` printed",
            },
        },
    })
}

/// A problem as a client would get it.
pub(super) fn problem(kind: Kind) -> Value {
    let errors = vec![FieldError {
        pointer: "/password".to_owned(),
        detail: "the password must have at least 8 characters".to_owned(),
    }];
    let problem = match kind {
        Kind::VALIDATION_FAILED => Problem::validation(errors),
        Kind::INTERNAL_ERROR => Problem::internal(""),
        kind => Problem::new(kind, detail(kind)),
    };
    problem.to_json("01993b1e7a5c7f3a9d2e6c1b0a4f8e21")
}

fn detail(kind: Kind) -> String {
    let detail = match kind {
        Kind::MALFORMED_REQUEST => "The body is not JSON: expected `:` at line 1 column 9.",
        Kind::INVALID_CREDENTIALS => "The e-mail address or the password is wrong.",
        Kind::MISSING_TOKEN => "Send an access token in the Authorization header, behind `Bearer`.",
        Kind::INVALID_TOKEN => "The token is not valid: it is malformed, expired, revoked or not ours.",
        Kind::INVALID_CLIENT => "The client is not known, revoked, or its secret is another one.",
        Kind::STEP_UP_REQUIRED => {
            "This needs a login that is at most 900 seconds old. Log in again and repeat the request."
        }
        Kind::NOT_PERMITTED => "This is for superusers.",
        Kind::TIER_NOT_SELF_SERVICE => "This tier is given by the operator.",
        Kind::NOT_FOUND => "There is no such user.",
        Kind::REQUEST_TIMEOUT => "The body did not arrive in time.",
        Kind::EMAIL_TAKEN => "Somebody has registered with this e-mail address.",
        Kind::LAST_SUPERUSER => {
            "Refused: the last active superuser can be neither demoted, deactivated nor deleted."
        }
        Kind::BODY_TOO_LARGE => "The body may have at most 65536 bytes.",
        Kind::URI_TOO_LONG => "The URI may have at most 8 KiB.",
        Kind::HEADERS_TOO_LARGE => "The headers may have at most 32 KiB.",
        Kind::RATE_LIMITED => "Too many requests. Retry-After says when the next is allowed.",
        Kind::OVERLOADED => "The service is at its limit. Try again a little later.",
        Kind::UNAVAILABLE => "The service cannot answer at the moment. Try again later.",
        other => return format!("{}.", other.title),
    };
    detail.to_owned()
}
