use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderName, HeaderValue, Uri};
use serde_json::Value;

use super::service::{Slot, with};
use crate::app::{Call, Reply};

static SERVICE: Slot = Slot::new(None);

/// Sends a request. `Call::send` checks the rules for all responses.
fn ask(call: impl for<'a> FnOnce(&'a super::service::Service) -> Call<'a>) -> Reply {
    with(
        &SERVICE,
        |_| (),
        |service| {
            let reply = service.wait(call(service).send());
            assert!(reply.status < 500, "{reply}");
            reply
        },
    )
}

/// Requests any path and query with any method that a client can send.
pub(super) fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if !path.starts_with('/') || path.parse::<Uri>().is_err() || !is_method || method.len() > 16 {
        return;
    }
    // A request without a token changes nothing. A browser without a session is logged out, or sees the login.
    let reply = ask(|service| service.app.call(method, path));
    let is_logged_out = reply.path == "/oauth/logout";
    let leads_to_login =
        reply.status == 303 && reply.header("location").is_some_and(|l| l.ends_with("/login"));
    let is_safe = ["GET", "HEAD", "OPTIONS"].contains(&method);
    assert!(reply.status >= 400 || is_safe || is_logged_out || leads_to_login, "{reply}");
}

/// Sends any bytes as the cursor, and then as the whole query.
pub(super) fn cursor(bytes: &[u8]) {
    let encoded: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    let query = String::from_utf8_lossy(bytes);
    for path in [format!("/admin/users?cursor={encoded}"), format!("/admin/users?{query}")] {
        if path.parse::<Uri>().is_err() {
            continue;
        }
        let reply = ask(|service| service.app.get(&path).bearer(&service.admin.tokens.access));
        assert!([200, 414, 422].contains(&reply.status), "{reply}");
    }
}

/// Sends any bytes as the credentials of a service client. The service has no clients, so it rejects all of them.
pub(super) fn basic(bytes: &[u8]) {
    let encoded = format!("Basic {}", STANDARD.encode(bytes));
    let raw = [b"Basic ".as_slice(), bytes].concat();
    for value in [encoded.as_bytes(), raw.as_slice(), bytes] {
        if HeaderValue::from_bytes(value).is_err() {
            continue;
        }
        for (path, form) in [("/auth/introspect", ("token", "x")), ("/auth/access-token", GRANT)] {
            let reply = ask(|service| service.app.post(path).header("authorization", value).form(&[form]));
            assert_eq!(reply.status, 401, "{reply}");
        }
    }
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Sends any bytes as the form of an OAuth 2.0 endpoint. The service has no clients that a random name could match.
pub(super) fn form(bytes: &[u8]) {
    for path in ["/auth/access-token", "/oauth/token", "/auth/revoke", "/auth/introspect"] {
        let reply = ask(|service| {
            let call = service.app.post(path).bearer(&service.admin.tokens.access);
            call.body("application/x-www-form-urlencoded", bytes)
        });
        let is_token_endpoint = ["/auth/access-token", "/oauth/token"].contains(&path);
        let statuses: &[u16] = if is_token_endpoint { &[400, 401, 413] } else { &[200, 400, 413] };
        assert!(statuses.contains(&reply.status), "{reply}");
    }
}

/// Sends any bytes as a JSON body.
pub(super) fn json(bytes: &[u8]) {
    let parsed: Result<Value, _> = serde_json::from_slice(bytes);
    for (method, path) in [
        ("POST", "/auth/login"),
        ("POST", "/auth/login/factor"),
        ("POST", "/auth/refresh"),
        ("PUT", "/users/me"),
        ("PUT", "/admin/users/{id}"),
    ] {
        let reply = ask(|service| {
            let path = path.replace("{id}", "00000000-0000-7000-8000-000000000000");
            let call = service.app.call(method, &path).bearer(&service.admin.tokens.access);
            call.body("application/json", bytes)
        });
        // Input that another parser rejects is invalid here, too.
        match &parsed {
            Err(_) => {
                // For a list, the service needs to read only the first byte to reject it.
                let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
                assert!([400, 413].contains(&reply.status) || is_list && reply.status == 422, "{reply}");
            }
            Ok(value) if !value.is_object() => assert!([413, 422].contains(&reply.status), "{reply}"),
            Ok(_) => {
                let statuses = [200, 400, 401, 403, 404, 409, 410, 413, 422];
                assert!(statuses.contains(&reply.status), "{reply}");
            }
        }
    }
}

/// Sends any headers, one per line.
pub(super) fn headers(bytes: &[u8]) {
    let mut headers = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.push((name, value));
        }
    }
    for (path, statuses) in
        [("/.well-known/jwks.json", &[200, 304][..]), ("/users/me", &[401]), ("/health/live", &[200])]
    {
        let reply = ask(|service| {
            let call = service.app.get(path);
            headers.iter().fold(call, |call, (name, value)| call.header(name.as_str(), value))
        });
        assert!(statuses.contains(&reply.status), "{reply}");
    }
}
