//! The responses of operations: the problems of each status, and the headers.

use serde_json::{Map, Value, json};

use super::examples;
use crate::http::shared::problem::Kind;
use crate::http::shared::responses::PROBLEM_MEDIA_TYPE;

/// Completes all responses. Problems, which many operations share, become named components.
pub(super) fn complete(document: &mut Value) {
    let mut shared = Map::new();
    for operation in super::operations(document) {
        let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        answers.sort_keys();
        let is_limited = answers.contains_key("429");
        for (status, answer) in answers {
            complete_headers(status, answer, is_limited);
            let kinds = take_kinds(answer);
            if !kinds.is_empty() {
                let name = name(&kinds);
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                let mut problem = std::mem::replace(answer, reference);
                problem["content"][PROBLEM_MEDIA_TYPE]["examples"] = problems(&kinds);
                shared.insert(name, problem);
            }
        }
    }
    shared.sort_keys();
    document["components"]["responses"] = shared.into();
    document["components"]["headers"] = headers();
}

/// Returns the kinds of problem that the operation's types list beside the schema reference, and removes the list. The
/// reference stays.
fn take_kinds(answer: &mut Value) -> Vec<&'static Kind> {
    let Some(media) = answer.pointer_mut("/content").and_then(|content| content.get_mut(PROBLEM_MEDIA_TYPE))
    else {
        return Vec::new();
    };
    let schema = media["schema"].take();
    media["schema"] = schema["allOf"][0].clone();
    let named = |kind: &&&Kind| {
        let codes = schema["enum"].as_array();
        codes.is_some_and(|codes| codes.iter().any(|code| code == kind.code))
    };
    Kind::ALL.iter().filter(named).copied().collect()
}

/// Returns the name of a shared response, such as `MissingTokenOrInvalidToken`.
fn name(kinds: &[&Kind]) -> String {
    let words = |kind: &&Kind| kind.code.split('-').map(capitalised).collect::<String>();
    kinds.iter().map(words).collect::<Vec<_>>().join("Or")
}

/// Capitalises a word: `LOCATION` and `location` become `Location`.
fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters.map(|other| other.to_ascii_lowercase())).collect()
}

fn problems(kinds: &[&'static Kind]) -> Value {
    let example = |kind: &&'static Kind| {
        let example = json!({ "summary": kind.title, "value": examples::problem(kind) });
        (kind.code.to_owned(), example)
    };
    kinds.iter().map(example).collect::<Map<_, _>>().into()
}

fn complete_headers(status: &str, answer: &mut Value, is_limited: bool) {
    let mut complete = Map::new();
    if let Some(Value::Object(own)) = answer.get_mut("headers").map(Value::take) {
        for (name, header) in own {
            // Header names are case-insensitive. This is the usual spelling.
            let name = match name.as_str() {
                "ETAG" => "ETag".to_owned(),
                other => other.split('-').map(capitalised).collect::<Vec<_>>().join("-"),
            };
            complete.insert(name, header);
        }
    }
    let mut refer = |name: &str| {
        complete.insert(name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    };
    refer("X-Request-Id");
    match status {
        "401" => refer("WWW-Authenticate"),
        "429" | "503" => refer("Retry-After"),
        _ => {}
    }
    if is_limited && (status.starts_with('2') || status == "429") {
        refer("RateLimit");
        refer("RateLimit-Policy");
    }
    for (name, header) in &mut complete {
        if let Some(example) = of_header(name) {
            header["example"] = example;
        }
    }
    answer["headers"] = complete.into();
}

/// Returns an example for a header that only some operations return.
fn of_header(name: &str) -> Option<Value> {
    match name {
        "Location" => Some(json!("/users/me")),
        "Link" => Some(json!(r#"<?limit=50&cursor=AQAGI5taLAAAAZk7HnpcfzqdLmwbCk-OIQ>; rel="next""#)),
        "Cache-Control" => Some(json!("public, max-age=300")),
        "ETag" => Some(json!(r#""47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU""#)),
        _ => None,
    }
}

/// The headers that many responses share.
fn headers() -> Value {
    json!({
        "RateLimit": {
            "description": "What is left of the allowance, and in how many seconds it is whole again \
                (draft-ietf-httpapi-ratelimit-headers). Not where limits are turned off.",
            "schema": { "type": "string" },
            "example": r#""login";r=4;t=12"#,
        },
        "RateLimit-Policy": {
            "description": "How many calls in how many seconds. Not where limits are turned off.",
            "schema": { "type": "string" },
            "example": r#""login";q=5;w=60"#,
        },
        "Retry-After": {
            "description": "For how many seconds to wait.",
            "required": true,
            "schema": { "type": "integer", "format": "uint64" },
            "example": 2,
        },
        "WWW-Authenticate": {
            "description": "How to prove who one is, and what was wrong with the proof (RFC 6750 section 3; RFC 9470; RFC 7617).",
            "required": true,
            "schema": { "type": "string" },
            "example": r#"Bearer error="invalid_token", error_description="The token is not valid""#,
        },
        "X-Request-Id": {
            "description": "Names the request in the logs of the service: as the client has named it, if that can be, or a new name.",
            "required": true,
            "schema": { "type": "string" },
            "example": "01993b1e7a5c7f3a9d2e6c1b0a4f8e21",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_named_by_their_codes() {
        assert_eq!(name(&[Kind::RATE_LIMITED]), "RateLimited");
        assert_eq!(name(&[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN]), "MissingTokenOrInvalidToken");
    }
}
