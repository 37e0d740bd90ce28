use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::config::AllowedOrigins;
use crate::http::shared::state::AppState;

/// Decides which origins' scripts may read responses (Fetch standard, CORS protocol).
///
/// A request from an origin that is not allowed is served, but without permission: the browser withholds the response
/// from the script. Credentials are never allowed, so that no script of another origin can use the cookie of a browser.
#[derive(Clone, Debug)]
pub(in crate::http) struct Cors {
    allowed: AllowedOrigins,
}

/// The endpoints of the provider that applications in a browser call.
const ENDPOINTS: [&str; 2] = ["/oauth/token", "/oauth/userinfo"];
/// The documents of the provider that they read.
const DOCUMENTS: [&str; 3] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
];

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-none-match, x-request-id");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, link, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

impl Cors {
    pub(in crate::http) fn new(allowed: AllowedOrigins) -> Self {
        Self { allowed }
    }

    /// Returns the value of `Access-Control-Allow-Origin` for a request to this path, if its origin is allowed.
    /// Applications in a browser may read the documents of the provider, and only they its endpoints.
    pub(in crate::http) async fn grant_for(
        &self,
        request: &Request,
        path: Option<&str>,
        state: &AppState,
    ) -> Option<HeaderValue> {
        let path = path.unwrap_or_default();
        let is_endpoint = ENDPOINTS.contains(&path);
        let of_operator = if is_endpoint { None } else { self.grant(request) };
        if of_operator.is_some() || !(is_endpoint || DOCUMENTS.contains(&path)) {
            return of_operator;
        }
        let origin = request.headers().get(header::ORIGIN)?;
        let contains = state.client_origins.contain(&state.core, origin.to_str().ok()?);
        // Boxed, so that it does not enlarge the futures of other requests.
        let is_of_client = Box::pin(contains).await;
        is_of_client.then(|| origin.clone())
    }

    /// Returns the value of `Access-Control-Allow-Origin`, if the operator allows the origin of the request.
    pub(in crate::http) fn grant(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        match &self.allowed {
            AllowedOrigins::Any => Some(HeaderValue::from_static("*")),
            AllowedOrigins::Only(origins) => {
                let text = origin.to_str().ok()?;
                origins.iter().any(|allowed| allowed == text).then(|| origin.clone())
            }
        }
    }

    /// Returns the response to a preflight with this permission, if the request is one.
    pub(in crate::http) fn preflight(
        &self,
        request: &Request,
        grant: Option<HeaderValue>,
    ) -> Option<Response> {
        let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let headers = response.headers_mut();
        if grant.is_some() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        self.add(headers, grant);
        Some(response)
    }

    /// Adds the headers for the origin. The response depends on the origin even if the origin is not allowed.
    pub(in crate::http) fn add(&self, headers: &mut HeaderMap, grant: Option<HeaderValue>) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(grant) = grant {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, grant);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
    }
}
