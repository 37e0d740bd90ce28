//! The OpenAPI document: complete, committed, and served unchanged. [`TestApp`] checks on each response that it
//! conforms.

use std::sync::Arc;

use inwren_adapters::store::memory::MemoryStore;
use inwren_tests::app::{Operation, TestApp};
use serde_json::{Map, Value};

const COMMITTED: &str = include_str!("../../../app/openapi.json");

/// The operations that need no token.
const PUBLIC: [&str; 25] = [
    "register",
    "login",
    "create_access_token",
    "refresh",
    "revoke_token",
    "verify_email",
    "resend_verification",
    "forgot_password",
    "reset_password",
    "confirm_email_change",
    "undo_email_change",
    "accept_invitation",
    "login_with_factor",
    "start_passkey_login",
    "login_with_passkey",
    "request_factor_removal",
    "cancel_factor_removal",
    "get_passkey_origins",
    "oauth_token",
    "get_jwks",
    "get_server_metadata",
    "get_openid_configuration",
    "get_service_info",
    "get_health",
    "get_liveness",
];

fn app() -> TestApp {
    TestApp::over(Arc::new(MemoryStore::new()))
}

fn document() -> Value {
    serde_json::from_str(COMMITTED).expect("a document in JSON")
}

fn operations() -> Vec<Operation> {
    app().contract().operations()
}

/// To update the document: `cargo run -q -p inwren -- openapi > app/openapi.json`.
#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    // The command has the defaults of development, which include mail.
    let app = TestApp::with_mail(Arc::new(MemoryStore::new()), |_| ());
    let reply = app.get("/openapi.json").send().await.expect_status(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.text() == COMMITTED, "cargo run -q -p inwren -- openapi > app/openapi.json");
}

#[test]
fn every_operation_is_described() {
    let mut ids = Vec::new();
    for operation in operations() {
        let (about, id) = (&operation.about, operation.id().to_owned());
        let name = format!("{} {}", operation.method, operation.path);
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !id.is_empty(), "{name}");
        assert_eq!(about["tags"].as_array().map(Vec::len), Some(1), "{name}");
        assert!(is_text(&about["summary"]), "{name}");
        assert!(is_text(&about["description"]), "{name}");
        // A public operation states so explicitly, to tell it from one whose security was forgotten.
        assert!(about["security"].is_array(), "{name}");
        for parameter in about["parameters"].as_array().into_iter().flatten() {
            assert!(is_text(&parameter["description"]), "{name}: {parameter}");
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            assert!(!parameter["example"].is_null(), "{name}: {parameter}");
        }
        for (status, answer) in about["responses"].as_object().expect("responses") {
            assert!(is_text(&answer["description"]), "{name}: {status}");
            assert!(status.parse::<u16>().is_ok(), "{name}: {status}");
        }
        assert_eq!(operation.is_protected(), !PUBLIC.contains(&id.as_str()), "{name}");
        ids.push(id);
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operationId twice");
}

#[test]
fn every_tag_is_described() {
    let document = document();
    let tags = document["tags"].as_array().expect("tags");
    assert!(tags.iter().all(|tag| is_text(&tag["description"])), "{tags:?}");
    for operation in operations() {
        assert!(tags.iter().any(|tag| tag["name"] == operation.about["tags"][0]), "{}", operation.id());
    }
}

/// Fields without an example: the body of the example proves the same by other fields.
const ALTERNATIVES: [(&str, &str); 2] = [("VerifyEmailRequest", "token"), ("VerifyEmailRequest", "password")];

#[test]
fn every_field_is_described() {
    for (name, schema) in schemas() {
        assert!(is_text(&schema["description"]), "{name}");
        for (field, about) in schema["properties"].as_object().into_iter().flatten() {
            assert!(is_text(&about["description"]), "{name}.{field}: {about}");
            let is_example = !about["example"].is_null() || ALTERNATIVES.contains(&(&*name, field));
            assert!(is_example, "{name}.{field} has no example");
        }
    }
}

#[test]
fn every_shape_has_a_name() {
    let document = document();
    let mut nameless = Vec::new();
    collect_nameless(&document["paths"], "paths", &mut nameless);
    collect_nameless(&document["components"]["responses"], "responses", &mut nameless);
    for (name, schema) in schemas() {
        collect_nameless(&schema["properties"], &name, &mut nameless);
    }
    assert!(nameless.is_empty(), "{nameless:?}");
}

/// Every problem that an operation lists has an example with its code and status.
#[test]
fn every_problem_is_shown() {
    for operation in operations() {
        for (status, answer) in operation.about["responses"].as_object().expect("responses") {
            let problems = &answer["content"]["application/problem+json"];
            if problems.is_null() {
                continue;
            }
            let examples = problems["examples"].as_object().expect("examples");
            assert!(!examples.is_empty(), "{} {status}", operation.id());
            for (code, example) in examples {
                assert_eq!(example["value"]["code"], code.as_str());
                assert_eq!(example["value"]["status"].to_string(), *status, "{} {code}", operation.id());
            }
        }
    }
}

#[test]
fn what_refuses_unknown_fields_says_so() {
    let mut closed: Vec<String> = schemas()
        .into_iter()
        .filter(|(_, schema)| schema["additionalProperties"] == false)
        .map(|(name, _)| name)
        .collect();
    closed.sort_unstable();
    let expected = [
        "AcceptInvitationRequest",
        "ActionTokenRequest",
        "AddPasskeyRequest",
        "AddTotpRequest",
        "AdminUpdateUserRequest",
        "ChangePasswordRequest",
        "ConfirmTotpRequest",
        "CreateClientRequest",
        "CreateClientSecretRequest",
        "EmailRequest",
        "FactorLoginRequest",
        "FactorProof",
        "InviteUserRequest",
        "LoginRequest",
        "LostFactorRequest",
        "PasskeyLoginRequest",
        "RefreshRequest",
        "RegisterRequest",
        "RenameFactorRequest",
        "ResendVerificationRequest",
        "ResetPasswordRequest",
        "ResetUserFactorsRequest",
        "StepUpRequest",
        "UpdateClientRequest",
        "UpdateCurrentUserRequest",
        "VerifyEmailRequest",
    ];
    assert_eq!(closed, expected);
}

/// openapi-generator names the parameters of an operation after its id, such as `UpdateUserRequest`. It chooses another
/// name only if the body of that operation already has this one.
#[test]
fn no_schema_has_a_name_that_generators_use() {
    let schemas = schemas();
    for operation in operations() {
        let words = operation.id().split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        let parameters = format!("{}Request", words.collect::<String>());
        let body = &operation.about["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let is_own = body == format!("#/components/schemas/{parameters}").as_str();
        assert!(is_own || !schemas.contains_key(&parameters), "{parameters} of {}", operation.id());
    }
}

#[test]
fn names_of_components_are_short() {
    for (kind, components) in document()["components"].as_object().expect("components") {
        for name in components.as_object().expect("names").keys() {
            assert!(name.len() < 40, "{kind}: {name}");
        }
    }
}

/// A client that is generated from the document of one deployment works with a deployment that has other tiers.
#[test]
fn tiers_are_text_with_known_values() {
    for (name, schema) in schemas() {
        let tier = &schema["properties"]["tier"];
        if tier.is_object() {
            assert_eq!(tier["type"], "string", "{name}");
            assert!(tier["enum"].is_null() && tier["allOf"].is_null(), "{name}");
            assert!(tier["x-extensible-enum"].as_array().is_some_and(|known| !known.is_empty()), "{name}");
        }
    }
}

#[test]
fn media_types_have_no_parameters() {
    for operation in operations() {
        let mut types: Vec<String> = Vec::new();
        let keys = |content: &Value| {
            content.as_object().into_iter().flatten().map(|(k, _)| k.clone()).collect::<Vec<_>>()
        };
        types.extend(keys(&operation.about["requestBody"]["content"]));
        for answer in operation.about["responses"].as_object().expect("responses").values() {
            types.extend(keys(&answer["content"]));
        }
        let known = ["application/json", "application/problem+json", "application/x-www-form-urlencoded"];
        assert!(types.iter().all(|kind| known.contains(&kind.as_str())), "{}: {types:?}", operation.id());
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a reference within");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn errors_are_problems() {
    for operation in operations() {
        for (status, answer) in operation.about["responses"].as_object().expect("responses") {
            let tokens = ["create_access_token", "oauth_token"];
            let form =
                [&tokens[..], &["revoke_token", "introspect_token"]].concat().contains(&operation.id());
            let client = tokens.contains(&operation.id()) && status == "401";
            let oauth = client || form && status == "400";
            let health = operation.id() == "get_health";
            if status.as_str() >= "400" && !oauth && !health {
                let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{} {status}", operation.id());
            }
        }
    }
}

#[tokio::test]
async fn the_pages_show_the_document() {
    for (path, says) in [("/docs", "swagger"), ("/redoc", "redoc")] {
        let reply = app().get(path).send().await.expect_status(200);
        assert!(reply.text().contains("<title>Inwren Auth</title>"), "{path}");
        assert!(
            reply.text().to_lowercase().contains(says) && reply.text().contains("create_access_token"),
            "{path}"
        );
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn schemas() -> Map<String, Value> {
    document()["components"]["schemas"].as_object().expect("schemas").clone()
}

/// Collects objects and enumerations outside the named schemas, for which generators would have to invent names.
fn collect_nameless(value: &Value, place: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if value["properties"].is_object() && value["type"] == "object" || value["enum"].is_array() {
                into.push(place.to_owned());
            }
            for (name, value) in fields {
                collect_nameless(value, &format!("{place}/{name}"), into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_nameless(item, place, into)),
        _ => {}
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}
