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

/// The length that names of components stay below.
const MAX_NAME: usize = 40;

/// Returns the name of a shared response, such as `TokenErrorOrStepUp`. Generators name types and files after it, so it
/// must be shorter than 40 characters.
fn name(kinds: &[&Kind]) -> String {
    let is_any_token_error = kinds.contains(&Kind::MISSING_TOKEN) && kinds.contains(&Kind::INVALID_TOKEN);
    let part = |kind: &&Kind| match kind.code {
        "missing-token" | "invalid-token" if is_any_token_error => "TokenError".to_owned(),
        "insufficient-user-authentication" => "StepUp".to_owned(),
        "second-factor-required" => "SecondFactor".to_owned(),
        "factor-enrollment-required" => "EnrollmentRequired".to_owned(),
        code => code.split('-').map(capitalised).collect(),
    };
    let mut parts: Vec<String> = kinds.iter().map(part).collect();
    parts.dedup();
    let name = parts.join("Or");
    if name.len() < MAX_NAME {
        return name;
    }
    // The short form leaves out `Invalid`.
    let short = parts.iter().map(|part| part.strip_prefix("Invalid").unwrap_or(part));
    short.collect::<Vec<_>>().join("Or")
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
            "description": "The remaining requests `r`, and the seconds `t` until the full quota is available again \
                (draft-ietf-httpapi-ratelimit-headers). Absent if rate limits are disabled.",
            "schema": { "type": "string" },
            "example": r#""login";r=4;t=12"#,
        },
        "RateLimit-Policy": {
            "description": "The quota `q` of requests per window of `w` seconds. Absent if rate limits are disabled.",
            "schema": { "type": "string" },
            "example": r#""login";q=5;w=60"#,
        },
        "Retry-After": {
            "description": "The seconds to wait before a retry.",
            "required": true,
            "schema": { "type": "integer", "format": "uint64" },
            "example": 2,
        },
        "WWW-Authenticate": {
            "description": "The authentication scheme, and the error in the credentials (RFC 6750 section 3; RFC 9470; RFC 7617).",
            "required": true,
            "schema": { "type": "string" },
            "example": r#"Bearer error="invalid_token", error_description="The token is invalid""#,
        },
        "X-Request-Id": {
            "description": "The id of the request in the log of the service: the well-formed id that the client sent, or a new one.",
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
    fn shared_responses_are_named_by_their_problems() {
        for (kinds, expected) in [
            (&[Kind::RATE_LIMITED][..], "RateLimited"),
            (&[Kind::INVALID_TOKEN], "InvalidToken"),
            (&[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN], "TokenError"),
            (&[Kind::MISSING_TOKEN, Kind::INVALID_TOKEN, Kind::STEP_UP_REQUIRED], "TokenErrorOrStepUp"),
            (&[Kind::EMAIL_TAKEN, Kind::LAST_SUPERUSER], "EmailTakenOrLastSuperuser"),
            (
                &[
                    Kind::INVALID_CREDENTIALS,
                    Kind::INVALID_FACTOR,
                    Kind::MISSING_TOKEN,
                    Kind::INVALID_TOKEN,
                    Kind::STEP_UP_REQUIRED,
                ],
                "CredentialsOrFactorOrTokenErrorOrStepUp",
            ),
        ] {
            assert_eq!(name(kinds), expected);
        }
    }
}
