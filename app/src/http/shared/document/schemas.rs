//! The schemas of bodies: what is known of them beyond the types of their fields.

use inwren_domain::account::{Tier, TierCatalog};
use serde_json::{Map, Value, json};

use crate::http::shared::problem::Kind;

const SELF_SERVICE_TIER: &str = "SelfServiceTier";
const TIER: &str = "Tier";

/// Completes all schemas, and adds the schemas of the tiers.
pub(super) fn complete(document: &mut Value, tiers: &TierCatalog) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, schema) in schemas.iter_mut() {
        super::properties(schema).for_each(|(_, property)| keep_the_reference(property));
        if name.ends_with("Request") {
            schema["additionalProperties"] = json!(false);
            complete_request(name, schema);
        } else if name.ends_with("Form") {
            // The endpoints ignore unknown parameters, but refuse repeated ones.
            schema["additionalProperties"] = json!({ "type": "string" });
        } else {
            require_what_is_always_there(schema);
        }
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
    name_tiers(schemas, tiers);
}

/// Keeps only the reference of a field that refers to a schema. Such a field has a description beside the reference,
/// which JSON Schema allows only in combination with `allOf`. The library repeats the description as a second schema
/// without constraints, which confuses some generators.
fn keep_the_reference(property: &mut Value) {
    let parts = property.get_mut("allOf").and_then(Value::as_array_mut);
    if let Some(parts) = parts.filter(|parts| parts.iter().any(is_reference)) {
        parts.retain(is_reference);
    }
}

fn is_reference(schema: &Value) -> bool {
    schema.get("$ref").is_some()
}

fn complete_request(name: &str, schema: &mut Value) {
    set(schema, "email", "format", json!("email"));
    let tier = if name == "RegisterRequest" { SELF_SERVICE_TIER } else { TIER };
    if let Some(property) = schema.pointer_mut("/properties/tier") {
        *property = nullable(&property["description"], tier);
    }
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

/// Adds the tiers of this service as enums, for requests. Tiers are configuration, so responses, which clients of
/// another deployment may read, declare them as text.
fn name_tiers(schemas: &mut Map<String, Value>, tiers: &TierCatalog) {
    let mut add = |name: &str, description: &str, choice: &[Tier]| {
        let names: Vec<_> = choice.iter().map(Tier::as_str).collect();
        let schema = json!({
            "type": "string",
            "title": name,
            "description": description,
            "enum": names,
        });
        schemas.insert(name.to_owned(), schema);
    };
    add(TIER, "The service tiers that there are.", tiers.all());
    add(SELF_SERVICE_TIER, "The service tiers that users may choose themselves.", tiers.self_service());
}

/// Returns the schema of a text that is `null` or matches a named schema. OpenAPI requires a type beside `nullable`
/// (OpenAPI 3.0.3 section 4.7.24).
fn nullable(description: &Value, name: &str) -> Value {
    json!({ "type": "string", "nullable": true, "description": description, "allOf": [reference(name)] })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Sets a key of a field's schema, if the field exists.
fn set(schema: &mut Value, field: &str, key: &str, value: Value) {
    if let Some(property) = schema.pointer_mut(&format!("/properties/{field}")) {
        property[key] = value;
    }
}
