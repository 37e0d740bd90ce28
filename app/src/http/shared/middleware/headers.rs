use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::request_id::X_REQUEST_ID;

/// The policy of what is no page: nothing in it is to be shown, loaded, sent or run.
const NOTHING: &str = "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; \
                       frame-ancestors 'none'; sandbox";

/// Headers for every response (OWASP ASVS 5.0, 3.4): a browser that ends up here by mistake does nothing with it.
const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING)),
    // Nobody else's page may load it as a picture or a script, or get hold of its window. It is no hindrance to CORS.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Two years. It is for answers over TLS only (RFC 6797 section 7.2).
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds the headers that every response has, and the id of its request. What an endpoint has set itself stays: the
/// documents have a policy of their own, and may be cached.
pub(in crate::http) fn add_common(headers: &mut HeaderMap, id: &str, is_over_tls: bool) {
    // These, and the few that come after them.
    headers.reserve(SECURITY.len() + 6);
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(value);
    }
    if is_over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = id.parse() {
        headers.insert(X_REQUEST_ID, id);
    }
}
