//! Defaults of the public URL of the service, and of the issuer of its tokens.

/// Which of the two values are defaults, which follow the port.
#[derive(Clone, Copy, Debug)]
pub struct DefaultUrls {
    /// `PUBLIC_URL` is not set, and `TOKEN_ISSUER` is no URL.
    pub public_url: bool,
    /// `TOKEN_ISSUER` is not set.
    pub token_issuer: bool,
}

/// Returns the values of `PUBLIC_URL` and `TOKEN_ISSUER` that apply if they are not set. Each is the default of the
/// other one if that is a URL. If neither is set, both are the address of the service on this machine.
pub(super) fn defaults<'a>(value: impl Fn(&str) -> Option<&'a str>) -> [(&'static str, String); 2] {
    let set = |name| value(name).map(|text| text.trim().trim_end_matches('/').to_owned());
    let public_url = set("PUBLIC_URL").or_else(|| set("TOKEN_ISSUER").filter(|issuer| is_url(issuer)));
    let public_url = public_url.unwrap_or_else(|| {
        let scheme = if value("TLS_CERT_PATH").is_some() { "https" } else { "http" };
        local(scheme, value("PORT").unwrap_or_default().trim())
    });
    [("PUBLIC_URL", public_url.clone()), ("TOKEN_ISSUER", public_url)]
}

/// The URL at which this machine reaches the service.
pub(super) fn local(scheme: &str, port: &str) -> String {
    format!("{scheme}://localhost:{port}")
}

/// Whether an issuer is a URL, and therefore the public URL, too.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}
