//! Completes the schemas of bodies with what the types of their fields cannot express.

use inwren_domain::account::{Tier, TierCatalog};
use inwren_domain::audit::AuditEventKind;
use serde_json::{Value, json};

use crate::http::shared::problem::Kind;

/// Completes all schemas.
pub(super) fn complete(document: &mut Value, tiers: &TierCatalog) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, schema) in schemas.iter_mut() {
        super::properties(schema).for_each(|(_, property)| keep_the_reference(property));
        // A part of a request refuses unknown fields, too.
        if name.ends_with("Request") || name == "FactorProof" {
            schema["additionalProperties"] = json!(false);
            set(schema, "email", "format", json!("email"));
            allow_null_for_missing_objects(schema);
        } else if PARTS_OF_CREDENTIALS.contains(&name.as_str()) {
            for optional in ["userHandle", "transports"] {
                set(schema, optional, "nullable", json!(true));
            }
        } else if !name.ends_with("Form") {
            require_what_is_always_there(schema);
        }
        let choice = if name == "RegisterRequest" { tiers.self_service() } else { tiers.all() };
        list_known_tiers(schema, choice);
        for secret in ["password", "current_password", "new_password", "client_secret"] {
            set(schema, secret, "format", json!("password"));
        }
    }
    if let Some(problem) = schemas.get_mut("Problem") {
        set(problem, "type", "format", json!("uri-reference"));
        // Not an `enum`: strict clients would reject a problem that is newer than the client.
        let codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.code).collect();
        set(problem, "code", "x-extensible-enum", json!(codes));
    }
    for name in ["AuditEvent", "Activity"] {
        if let Some(event) = schemas.get_mut(name) {
            let kinds: Vec<_> = AuditEventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            set(event, "kind", "x-extensible-enum", json!(kinds));
        }
    }
}

/// Parts of requests that browsers write.
const PARTS_OF_CREDENTIALS: [&str; 2] = ["PasskeyAssertionResponse", "PasskeyAttestationResponse"];

/// Allows `null` for an optional object of a request, as for other optional fields. OpenAPI 3.0.3 wants a `type` beside
/// it.
fn allow_null_for_missing_objects(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in super::properties(schema) {
        if property.get("allOf").is_some() && !required.contains(&json!(name)) {
            property["type"] = json!("object");
            property["nullable"] = json!(true);
        }
    }
}

/// Lists the known values of a tier. They are not an `enum`: tiers are configuration, and clients generated from this
/// document must accept the tiers of other deployments.
fn list_known_tiers(schema: &mut Value, tiers: &[Tier]) {
    let Some(property) = schema.pointer_mut("/properties/tier") else { return };
    let names: Vec<_> = tiers.iter().map(Tier::as_str).collect();
    let description = property["description"].as_str().unwrap_or_default();
    property["description"] = json!(format!("{description} Known values: `{}`.", names.join("`, `")));
    property["x-extensible-enum"] = json!(names);
}

/// Keeps only the reference of a field that refers to a schema. Such a field has a description beside the reference,
/// which JSON Schema allows only in combination with `allOf`. The library repeats the description as a second schema
/// without constraints, which confuses some generators.
///
/// Such a field of a response is not `nullable`: OpenAPI 3.0.3 allows that only beside a `type`. Responses leave the
/// field out if it has no value.
fn keep_the_reference(property: &mut Value) {
    let parts = property.get_mut("allOf").and_then(Value::as_array_mut);
    if let Some(parts) = parts.filter(|parts| parts.iter().any(is_reference)) {
        parts.retain(is_reference);
        property.as_object_mut().map(|property| property.shift_remove("nullable"));
    }
}

fn is_reference(schema: &Value) -> bool {
    schema.get("$ref").is_some()
}

/// Marks `nullable` fields of responses as required. Responses always contain them, with `null` if there is no value.
/// Fields that responses may leave out are not `nullable`.
fn require_what_is_always_there(schema: &mut Value) {
    let always = super::properties(schema).filter(|(_, property)| property["nullable"] == true);
    let names: Vec<Value> = always.map(|(name, _)| json!(name)).collect();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.extend(names);
    }
}

/// Sets a key of a field's schema, if the field exists.
fn set(schema: &mut Value, field: &str, key: &str, value: Value) {
    if let Some(property) = schema.pointer_mut(&format!("/properties/{field}")) {
        property[key] = value;
    }
}
