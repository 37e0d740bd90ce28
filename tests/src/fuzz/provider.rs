use inwren_app::http::claims_parameter as read_claims;
use inwren_domain::client::{RedirectUri, Scope};
use poem::http::{HeaderValue, Uri};
use serde_json::{Value, json};

use super::service::{Service, Slot, with};
use crate::app::{Call, ISSUER, Reply, SESSION_COOKIE};

static SERVICE: Slot = Slot::new(None);

/// The redirect URI of the only application.
const REDIRECT_URI: &str = "https://app.example/cb";

/// Sends a request to a service with an application. `Call::send` checks the rules for all responses.
fn ask(call: impl for<'a> FnOnce(&'a Service) -> Call<'a>) -> Reply {
    with(
        &SERVICE,
        |_| (),
        |service| {
            if service.is_new() {
                register(service);
            }
            let reply = service.wait(call(service).send());
            assert!(reply.status < 500, "{reply}");
            reply
        },
    )
}

fn register(service: &Service) {
    let settings = json!({
        "id": "app", "name": "Application", "kind": "public", "redirect_uris": [REDIRECT_URI],
        "scopes": ["openid", "email"], "grant_types": ["authorization_code", "refresh_token"],
        "auth_method": "none", "first_party": true,
    });
    let call = service.app.post("/admin/clients").bearer(&service.admin.tokens.access);
    let reply = service.wait(call.json(&settings).send());
    assert_eq!(reply.status, 201, "{reply}");
}

/// Sends any bytes as the query and as the form of an authorization request, and as the query of a logout request. No
/// user is logged in: the browser sees a page, or leads to the registered redirect URI with an error.
pub(super) fn authorization_request(bytes: &[u8]) {
    let query = String::from_utf8_lossy(bytes);
    let path = format!("/oauth/authorize?{query}");
    if path.parse::<Uri>().is_ok() {
        expect_no_code(&ask(|service| service.app.get(&path)));
    }
    expect_no_code(&ask(|service| {
        service.app.post("/oauth/authorize").body("application/x-www-form-urlencoded", bytes)
    }));
    let path = format!("/oauth/logout?{query}");
    if path.parse::<Uri>().is_ok() {
        expect_own_page(&ask(|service| service.app.get(&path)));
    }
}

#[track_caller]
fn expect_no_code(reply: &Reply) {
    assert!([200, 303, 400, 413, 414].contains(&reply.status), "{reply}");
    let Some(location) = reply.header("location") else { return };
    let query = location.strip_prefix(REDIRECT_URI).and_then(|rest| rest.strip_prefix('?'));
    let query = query.unwrap_or_else(|| panic!("leads elsewhere: {reply}"));
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).expect("a query");
    let value = |name: &str| pairs.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str());
    assert!(value("code").is_none() && value("error").is_some(), "{reply}");
    assert_eq!(value("iss"), Some(ISSUER), "{reply}");
}

/// Checks that the response leads to no other site and starts no session.
#[track_caller]
fn expect_own_page(reply: &Reply) {
    assert!(
        reply
            .header("location")
            .is_none_or(|location| location.starts_with('/') && !location.starts_with("//")
                || location.starts_with(ISSUER)),
        "{reply}"
    );
    for cookie in reply.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().expect("a cookie of text");
        let value = cookie.strip_prefix(SESSION_COOKIE).and_then(|rest| rest.strip_prefix('='));
        assert!(value.is_none_or(|value| value.starts_with(';')), "started a session: {reply}");
    }
}

/// Sends any bytes to the pages of the provider: the cookies in the first line, and then a form. The service signed
/// none of its fields, so it starts no session.
pub(super) fn page_form(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (cookies, form) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let has_cookies = HeaderValue::from_bytes(cookies).is_ok();
    for (method, path) in [
        ("GET", "/login"),
        ("GET", "/account/grants"),
        ("POST", "/login"),
        ("POST", "/login/factor"),
        ("POST", "/register"),
        ("POST", "/consent"),
        ("POST", "/logout"),
        ("POST", "/account/grants"),
    ] {
        let reply = ask(|service| {
            let call = service.app.call(method, path);
            let call = if has_cookies { call.header("cookie", cookies) } else { call };
            if method == "GET" { call } else { call.body("application/x-www-form-urlencoded", form) }
        });
        expect_own_page(&reply);
    }
}

/// Reads any text as the `claims` parameter. The request names what its JSON names.
pub(super) fn claims_parameter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(request) = read_claims(text) else { return };
    let json: Value = serde_json::from_str(text).expect("JSON");
    let id_token = &json["id_token"];
    let others = |name: &str| !["acr", "sub"].contains(&name);
    let named: Vec<&String> = match id_token.as_object() {
        Some(claims) => claims.keys().filter(|name| others(name)).collect(),
        None => Vec::new(),
    };
    assert_eq!(request.id_token.iter().collect::<Vec<_>>(), named, "{text}");
    assert_eq!(request.is_acr_essential, id_token["acr"]["essential"] == true, "{text}");
    assert!(request.acr.iter().all(|value| has_value(&id_token["acr"], value)), "{text}");
    assert!(request.subject.is_none_or(|value| has_value(&id_token["sub"], &value)), "{text}");
}

/// Whether a claim is requested with this value.
fn has_value(about: &Value, value: &str) -> bool {
    let is_among = |values: &Vec<Value>| values.iter().any(|one| one == value);
    about["value"] == value || about["values"].as_array().is_some_and(is_among)
}

/// Parses the first line of any text as a registered redirect URI, and presents the rest to it. An accepted URI has the
/// form of RFC 8252 and RFC 9700, and only an equal URI matches, up to the port of a loopback literal.
pub(super) fn redirect_uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (registered, presented) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(uri) = RedirectUri::parse_for_requests(registered) {
        assert!(uri.origin().is_some(), "{uri}");
    }
    let (public, confidential) =
        (RedirectUri::parse(registered, true), RedirectUri::parse(registered, false));
    assert!(confidential.is_err() || confidential == public, "{registered}");
    let Ok(uri) = public else { return };
    assert_eq!(uri.as_str(), registered);
    expect_safe(&uri, confidential.is_ok());
    assert!(uri.matches(registered, false) && uri.matches(registered, true), "{uri}");
    assert_eq!(uri.matches(presented, false), registered == presented, "{uri} and {presented}");
    if uri.matches(presented, true) && registered != presented {
        let own = without_port(registered);
        assert!(own.is_some() && own == without_port(presented), "{uri} and {presented}");
    }
}

/// Checks that the URI leads to one host or application, and that a header can name it.
fn expect_safe(uri: &RedirectUri, is_web: bool) {
    let text = uri.as_str();
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"#*\"<>\\^`{|}".contains(&byte);
    assert!(text.len() <= 1_000 && text.bytes().all(is_allowed), "{uri}");
    assert_eq!(uri.origin().is_some(), is_web, "{uri}");
    let source = uri.policy_source();
    assert!(!source.contains([';', ',', '\'']), "{source}");
    // Another parser must see the same host.
    let Some(origin) = uri.origin() else { return };
    let Ok(parsed) = text.parse::<Uri>() else { return };
    let (scheme, host) = (parsed.scheme_str().expect("a scheme"), parsed.host().expect("a host"));
    let authority = parsed.authority().expect("an authority");
    assert!(!authority.as_str().contains('@'), "{uri}");
    assert!(origin.starts_with(&format!("{scheme}://{}", host.to_ascii_lowercase())), "{origin} of {uri}");
    let is_loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
    assert!(scheme == "https" || is_loopback, "{uri}");
}

/// A URI of a loopback literal without its port.
fn without_port(uri: &str) -> Option<String> {
    let literals = ["http://127.0.0.1", "http://[::1]"];
    let (host, rest) = literals.iter().find_map(|host| Some((host, uri.strip_prefix(host)?)))?;
    let rest = match rest.strip_prefix(':') {
        Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    Some(format!("{host}{rest}"))
}

/// Parses any text as a scope. An accepted scope is a set of the given names, in their order.
pub(super) fn scope(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(scope) = Scope::parse(text) else { return };
    let names: Vec<&str> = scope.names().collect();
    let mut given: Vec<&str> = Vec::new();
    for name in text.split(' ').filter(|name| !name.is_empty()) {
        if !given.contains(&name) {
            given.push(name);
        }
    }
    assert_eq!(names, given, "{text:?}");
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
    assert!(names.iter().all(|name| name.bytes().all(is_allowed)), "{text:?}");
    assert_eq!(names.join(" "), scope.as_str());
    assert_eq!(scope.is_empty(), names.is_empty());
    assert_eq!(Scope::parse(scope.as_str()).as_ref(), Ok(&scope));
    assert_eq!(scope.and(&scope), scope);
    if let Some(first) = names.first() {
        let rest = scope.without_name(first);
        assert!(!rest.contains(first) && rest.is_within(&scope) && !scope.is_within(&rest), "{text:?}");
        assert_eq!(rest.names().count() + 1, names.len(), "{text:?}");
    }
}
