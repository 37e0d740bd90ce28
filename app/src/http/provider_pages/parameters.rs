//! Reads the parameters of an authorization request from a query or a form.

use std::sync::LazyLock;

use inwren_domain::provider::request::{ClaimsRequest, Parameters, UnreadableClaims};
use serde_json::{Map, Value};

/// The parameters that the service knows. It ignores all others (RFC 6749 section 3.1).
const KNOWN: [&str; 20] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "ui_locales",
    "claims",
    "resource",
    "request",
    "request_uri",
    "registration",
];

/// The most parameters of a query.
const MAX_PARAMETERS: usize = 64;

/// Reads the pairs of a query. `None` if it is malformed.
pub(super) fn of_query(query: &str) -> Option<Vec<(String, String)>> {
    let is_text = percent_encoding::percent_decode_str(query).decode_utf8().is_ok();
    if !is_text || query.bytes().filter(|byte| *byte == b'&').count() >= MAX_PARAMETERS {
        return None;
    }
    serde_urlencoded::from_str(query).ok()
}

/// Returns the pairs that the service knows.
pub(super) fn known(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let is_known = |name: &str| KNOWN.contains(&name);
    pairs.iter().filter(|(name, value)| is_known(name) && !value.is_empty()).cloned().collect()
}

/// Returns the value of a parameter. A parameter without a value counts as absent (RFC 6749 section 3.1).
pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(known, value)| known == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

/// Returns whether a parameter is repeated.
pub(super) fn is_repeated(pairs: &[(String, String)], name: &str) -> bool {
    pairs.iter().filter(|(known, _)| known == name).count() > 1
}

/// Reads the parameters of an authorization request.
pub(super) fn read(pairs: &[(String, String)]) -> Parameters {
    let text = |name: &str| value(pairs, name).map(str::to_owned);
    let has = |name: &str| value(pairs, name).is_some();
    let repeated = KNOWN.into_iter().filter(|name| is_repeated(pairs, name));
    Parameters {
        response_type: text("response_type"),
        response_mode: text("response_mode"),
        client_id: text("client_id"),
        redirect_uri: text("redirect_uri"),
        scope: text("scope"),
        state: text("state"),
        nonce: text("nonce"),
        code_challenge: text("code_challenge"),
        code_challenge_method: text("code_challenge_method"),
        prompt: text("prompt"),
        max_age: text("max_age"),
        login_hint: text("login_hint"),
        id_token_hint: text("id_token_hint"),
        acr_values: text("acr_values"),
        claims: value(pairs, "claims").map(|json| claims(json).ok_or(UnreadableClaims)),
        resource: text("resource"),
        has_request: has("request"),
        has_request_uri: has("request_uri"),
        has_registration: has("registration"),
        repeated: repeated.map(str::to_owned).collect(),
    }
}

/// Reads the `claims` parameter (OpenID Connect Core section 5.5). `None` if it is unreadable.
pub fn claims(json: &str) -> Option<ClaimsRequest> {
    let Ok(Value::Object(parts)) = serde_json::from_str(json) else { return None };
    // Userinfo returns all claims that the scope permits, so a request for single ones adds nothing.
    members(parts.get("userinfo"))?;
    let id_token = members(parts.get("id_token"))?;
    let mut request = ClaimsRequest::default();
    for (name, about) in id_token {
        match name.as_str() {
            "acr" => {
                request.acr = values(about)?;
                request.is_acr_essential = about.get("essential") == Some(&Value::Bool(true));
            }
            "sub" => request.subject = values(about)?.into_iter().next(),
            _ => request.id_token.push(name.clone()),
        }
    }
    Some(request)
}

/// The requested claims of a part. Each is `null` or an object.
fn members(part: Option<&Value>) -> Option<&Map<String, Value>> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    match part {
        None | Some(Value::Null) => Some(LazyLock::force(&NONE)),
        Some(Value::Object(claims)) => {
            let is_readable = claims.values().all(|about| about.is_null() || about.is_object());
            is_readable.then_some(claims)
        }
        Some(_) => None,
    }
}

/// The values of which a claim should have one: `value` and `values`. `None` if one of them is no text.
fn values(about: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found = Vec::new();
    if let Some(value) = about.get("value") {
        found.push(text(value)?);
    }
    if let Some(values) = about.get("values") {
        for value in values.as_array()? {
            found.push(text(value)?);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_query(query: &str) -> Parameters {
        read(&of_query(query).unwrap())
    }

    #[test]
    fn known_parameters_are_read() {
        let read = read_query("client_id=wiki&scope=openid+email&state=a%26b&prompt=&foo=1&foo=2&request=x");
        assert_eq!(read.client_id.as_deref(), Some("wiki"));
        assert_eq!(read.scope.as_deref(), Some("openid email"));
        assert_eq!(read.state.as_deref(), Some("a&b"));
        assert_eq!(read.prompt, None);
        assert!(read.repeated.is_empty() && read.has_request && !read.has_request_uri);
    }

    #[test]
    fn repeated_parameters_are_named() {
        assert_eq!(read_query("state=a&state=&client_id=b").repeated, ["state"]);
        assert_eq!(read_query("resource=a&resource=b").repeated, ["resource"]);
    }

    #[test]
    fn malformed_queries_are_refused() {
        assert!(of_query("state=%ff").is_none());
        assert!(of_query(&"a=b&".repeat(64)).is_none());
    }

    #[test]
    fn only_known_parameters_travel() {
        let pairs = of_query("client_id=a&foo=b&nonce=").unwrap();
        assert_eq!(known(&pairs), [("client_id".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn claims_are_read() {
        let json = r#"{"userinfo": {"email": {"essential": true}}, "other": 1, "id_token": {
            "email": null, "acr": {"essential": true, "values": ["aal2", "phr"]}, "sub": {"value": "7"}}}"#;
        let expected = ClaimsRequest {
            id_token: vec!["email".to_owned()],
            acr: vec!["aal2".to_owned(), "phr".to_owned()],
            is_acr_essential: true,
            subject: Some("7".to_owned()),
        };
        assert_eq!(claims(json), Some(expected));
        assert_eq!(claims("{}"), Some(ClaimsRequest::default()));
        assert_eq!(claims(r#"{"id_token": {"acr": null}}"#), Some(ClaimsRequest::default()));
    }

    #[test]
    fn unreadable_claims_are_reported() {
        for json in ["", "[]", "{", r#"{"id_token": 1}"#, r#"{"userinfo": {"email": 1}}"#] {
            assert_eq!(claims(json), None, "{json}");
        }
        for json in [r#"{"id_token": {"acr": {"values": "aal2"}}}"#, r#"{"id_token": {"sub": {"value": 1}}}"#]
        {
            assert_eq!(claims(json), None, "{json}");
        }
        assert_eq!(read_query("claims=x").claims, Some(Err(UnreadableClaims)));
    }
}
