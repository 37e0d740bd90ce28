use poem::Response;
use poem::http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::Tokens;

/// A response, with the request that it belongs to.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// The query of the request, if any.
    pub query: Option<String>,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// The pages that set their own cache control and content security policy.
const PAGES: [&str; 3] = ["/openapi.json", "/docs", "/redoc"];

/// The endpoints that return OAuth 2.0 errors.
const OAUTH: [&str; 4] = ["/auth/access-token", "/auth/revoke", "/auth/introspect", "/oauth/token"];

/// The token endpoints, where a client may authenticate wrongly.
const TOKEN_ENDPOINTS: [&str; 2] = ["/auth/access-token", "/oauth/token"];

/// The pages of the provider. They have cookies, and show errors to people.
const PROVIDER_PAGES: [&str; 8] = [
    "/oauth/authorize",
    "/oauth/logout",
    "/login",
    "/login/factor",
    "/register",
    "/consent",
    "/logout",
    "/account/grants",
];

impl Reply {
    pub(super) async fn read(method: &Method, uri: &Uri, response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.into_vec().await.expect("a whole body"),
        }
    }

    /// Checks the status.
    #[track_caller]
    #[must_use]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Checks for 204 with an empty body.
    #[track_caller]
    pub fn expect_done(&self) {
        assert_eq!((self.status, self.text()), (204, ""), "{self}");
    }

    /// Checks for this problem, and returns its body.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self}");
        let body = self.json();
        assert_eq!(body["code"], code, "{self}");
        body
    }

    /// Checks for 422 with errors for exactly these parts of the request.
    #[track_caller]
    pub fn expect_invalid(&self, pointers: &[&str]) {
        let body = self.expect_problem(422, "validation-failed");
        let errors = body["errors"].as_array().expect("errors");
        let mut found: Vec<&str> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, pointers, "{self}");
    }

    /// Checks for the rejection of a token (RFC 6750 section 3.1).
    #[track_caller]
    pub fn expect_invalid_token(&self) {
        self.expect_problem(401, "invalid-token");
        let challenge = self.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{self}");
    }

    /// Checks for an OAuth 2.0 error (RFC 6749 section 5.2).
    #[track_caller]
    pub fn expect_oauth_error(&self, error: &str) {
        assert_eq!(self.status, 400, "{self}");
        let body = self.json();
        assert_eq!(body["error"], error, "{self}");
        assert!(body["error_description"].is_string(), "{self}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{self}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self}");
    }

    /// The value of a header. A repeated header is an error.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next();
        assert!(values.next().is_none(), "{name} twice: {self}");
        first.map(|value| value.to_str().expect("a header of text"))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The tokens in the body.
    #[track_caller]
    pub fn tokens(&self) -> Tokens {
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {self}")).to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token") }
    }

    /// Checks the rules for all responses.
    #[track_caller]
    pub(super) fn check(&self, is_over_tls: Option<bool>) {
        self.check_common_headers(is_over_tls);
        if self.status >= 500 {
            for secret in ["sql", "postgres", "panick", "store"] {
                assert!(!self.text().to_lowercase().contains(secret), "tells its cause: {self}");
            }
        }
        match self.status {
            401 => {
                assert!(
                    self.header("www-authenticate")
                        .is_some_and(|c| c.starts_with("Bearer") || c.starts_with("Basic")),
                    "{self}"
                )
            }
            405 => assert!(self.header("allow").is_some(), "{self}"),
            429 | 503 => {
                let seconds = self.header("retry-after").and_then(|text| text.parse::<u64>().ok());
                assert!(seconds.is_some_and(|seconds| seconds >= 1), "{self}");
            }
            _ => {}
        }
        if self.status < 400 || self.method == "HEAD" {
            return;
        }
        let oauth = OAUTH.contains(&self.path.as_str()) && self.status == 400
            || TOKEN_ENDPOINTS.contains(&self.path.as_str()) && self.status == 401;
        let health = self.path == "/health" && self.status == 503;
        let page = (self.path.starts_with("/account/") || self.is_of_provider())
            && self.header("content-type") == Some("text/html; charset=utf-8");
        if !oauth && !health && !page {
            self.check_problem();
        }
    }

    #[track_caller]
    fn check_common_headers(&self, is_over_tls: Option<bool>) {
        let id = self.header("x-request-id").unwrap_or_default();
        assert!((1..=64).contains(&id.len()), "{self}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self}");
        assert_eq!(self.header("x-frame-options"), Some("DENY"), "{self}");
        assert_eq!(self.header("referrer-policy"), Some("no-referrer"), "{self}");
        let hsts = self.header("strict-transport-security");
        assert!(hsts.is_none_or(|policy| policy == "max-age=63072000; includeSubDomains"), "{self}");
        assert!(is_over_tls.is_none_or(|over_tls| hsts.is_some() == over_tls), "{self}");
        let policy = self.header("content-security-policy").unwrap_or_default();
        for directive in
            ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
        {
            assert!(policy.split("; ").any(|part| part == directive), "{directive}: {self}");
        }
        // An application may open the pages of the provider in a popup.
        let opener = self.header("cross-origin-opener-policy");
        let is_popup = opener == Some("unsafe-none") && self.is_of_provider();
        assert!(is_popup || opener == Some("same-origin"), "{self}");
        assert_eq!(self.header("cross-origin-resource-policy"), Some("same-origin"), "{self}");
        let cacheable = self.path.starts_with("/.well-known/") && matches!(self.status, 200 | 304)
            || self.path.starts_with("/problems") && self.status == 200;
        if !PAGES.contains(&self.path.as_str()) && !cacheable {
            assert_eq!(self.header("cache-control"), Some("no-store"), "{self}");
        }
        assert!(self.headers.get_all("vary").iter().any(|vary| vary == "Origin"), "{self}");
        assert_eq!(self.header("ratelimit").is_some(), self.header("ratelimit-policy").is_some(), "{self}");
        assert!(self.header("server").is_none(), "{self}");
        assert!(self.is_of_provider() || !self.headers.contains_key("set-cookie"), "{self}");
    }

    fn is_of_provider(&self) -> bool {
        PROVIDER_PAGES.contains(&self.path.as_str()) || self.path.starts_with("/account/factors")
    }

    /// Checks all members of the problem (RFC 9457) that this service sets.
    #[track_caller]
    fn check_problem(&self) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
        let body = self.json();
        let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
        let code = text("code").unwrap_or_else(|| panic!("no code: {self}"));
        assert_eq!(body["type"], format!("/problems/{code}"), "{self}");
        assert!(text("title").is_some() && text("detail").is_some(), "{self}");
        assert_eq!(body["status"], self.status, "{self}");
        assert!(body["retryable"].is_boolean(), "{self}");
        assert_eq!(text("request_id"), self.header("x-request-id"), "{self}");
        let mut names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut expected = vec!["code", "detail", "request_id", "retryable", "status", "title", "type"];
        if self.status == 422 {
            expected.insert(2, "errors");
            let errors = body["errors"].as_array().expect("errors");
            assert!(!errors.is_empty(), "{self}");
            for error in errors {
                let pointer = error["pointer"].as_str().expect("a pointer");
                assert!(pointer.is_empty() || pointer.starts_with('/'), "{self}");
                assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self}");
            }
        }
        if matches!(self.status, 429 | 503) {
            expected.push("retry_after");
            let seconds = body["retry_after"].as_u64().map(|seconds| seconds.to_string());
            assert_eq!(seconds.as_deref(), self.header("retry-after"), "{self}");
        }
        // Members of single kinds: those that are always there, and those that may be left out.
        let (always, sometimes): (&[&str], &[&str]) = match code {
            "second-factor-required" => (&["challenge", "expires_in", "methods"], &["publicKey"]),
            "invalid-factor" => (&[], &["attempts_left"]),
            "insufficient-user-authentication" => (&[], &["acr_values", "max_age"]),
            _ => (&[], &[]),
        };
        expected.extend(always);
        expected.sort_unstable();
        names.retain(|name| !sometimes.contains(name));
        assert_eq!(names, expected, "{self}");
    }
}

/// For the messages of failed tests.
impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, query, status, headers, body } = self;
        let query = query.as_deref().unwrap_or_default();
        write!(f, "{method} {path}?{query}: {status} {headers:?} {}", String::from_utf8_lossy(body))
    }
}
