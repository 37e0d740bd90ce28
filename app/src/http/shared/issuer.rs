//! The issuer of the tokens, and the public URL of the service.

use poem::http::Uri;

/// The issuer of the tokens, and the public URL, which begins all absolute links.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: String,
    audience: String,
    public_url: String,
    /// The path of the public URL, without a slash at the end. Empty if it has none.
    path: String,
    /// The same of the issuer. Empty if the issuer is no URL.
    name_path: String,
}

impl Issuer {
    /// Creates an issuer with this name and audience, of a service at this URL, which has no slash at the end.
    pub fn new(name: &str, audience: &str, public_url: &str) -> Self {
        Self {
            name: name.to_owned(),
            audience: audience.to_owned(),
            public_url: public_url.to_owned(),
            path: path_of(public_url),
            name_path: if name.contains("://") { path_of(name) } else { String::new() },
        }
    }

    /// Returns the path of the public URL, without a slash at the end. Clients put it in front of every path of the
    /// service, and the proxy that serves the service there removes it.
    pub(in crate::http) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the path of the issuer, without a slash at the end. Clients find its metadata by it (RFC 8414 section
    /// 3.1).
    pub(in crate::http) fn name_path(&self) -> &str {
        &self.name_path
    }

    /// Returns a path of the service as clients call it, for headers and documents with absolute paths.
    pub(in crate::http) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// Returns the `iss` of tokens.
    pub(in crate::http) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the `aud` of tokens.
    pub(in crate::http) fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns the public URL, without a slash at the end. It never comes from a request: if a cache stored a response
    /// with a `Host` that a client chose, that client could lead other clients to any host.
    pub(in crate::http) fn public_url(&self) -> &str {
        &self.public_url
    }
}

fn path_of(url: &str) -> String {
    let url: Option<Uri> = url.parse().ok();
    url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_with_that_of_the_public_url() {
        for (url, path) in [
            ("https://example.org", ""),
            ("https://example.org/auth", "/auth"),
            ("https://example.org/a/b%20c", "/a/b%20c"),
            ("http://localhost:8000", ""),
        ] {
            let issuer = Issuer::new("inwren", "tests", url);
            assert_eq!((issuer.path(), issuer.at("/users/me")), (path, format!("{path}/users/me")), "{url}");
        }
    }
}
