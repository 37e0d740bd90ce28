use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::config::AllowedOrigins;

/// Decides which origins' scripts may read responses (Fetch standard, CORS protocol).
///
/// A request from an origin that is not allowed is served, but without permission: the browser withholds the response
/// from the script. Credentials are never allowed, because the service uses no cookies.
#[derive(Clone, Debug)]
pub(in crate::http) struct Cors {
    allowed: AllowedOrigins,
}

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

    /// Returns the value of `Access-Control-Allow-Origin`, if the origin of the request is allowed.
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

    /// Returns the response to a preflight, if the request is one.
    pub(in crate::http) fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        if let Some(grant) = self.grant(request) {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            self.add(headers, Some(grant));
        } else {
            self.add(response.headers_mut(), None);
        }
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
