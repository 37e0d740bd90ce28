use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::request_id::X_REQUEST_ID;

/// The policy of responses that are not pages: the browser may not load, run, send or embed anything.
const NOTHING: &str = "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; \
                       frame-ancestors 'none'; sandbox";

/// Security headers of all responses (OWASP ASVS 5.0, 3.4). With them, a browser that opens a response by mistake does
/// nothing with it.
const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING)),
    // Pages of other origins can neither load the response as an image or a script, nor get a reference to its window.
    // CORS still works.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Two years. Only responses over TLS have this header (RFC 6797 section 7.2).
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds the common headers and the request id to a response. The endpoint's own security and cache headers stay: the
/// documentation pages have their own policy and may be cached.
pub(in crate::http) fn add_common(headers: &mut HeaderMap, id: &str, is_over_tls: bool) {
    // Room for these headers and for the few that follow.
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
