//! The way back to an application for users who leave the login pages for a letter. A cookie keeps the query of the
//! authorization request. The link is always a path of this service, which validates the request anew.

use poem::Request;

use super::cookie::{self, Jar};
use super::{parameters, paths};
use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;

/// Keeps an authorization request in the browser.
pub(super) fn remember(jar: &mut Jar, parameters: &[(String, String)]) -> Result<(), Problem> {
    let query = serde_urlencoded::to_string(parameters).map_err(Problem::internal)?;
    jar.keep_request(&query);
    Ok(())
}

/// The path and query of the request that the browser keeps. It has only parameters that the service knows.
pub(super) fn path(jar: &Jar) -> Option<String> {
    let known = parameters::known(&parameters::of_query(&jar.request()?)?);
    let query = serde_urlencoded::to_string(known).ok().filter(|query| !query.is_empty())?;
    Some(format!("{}?{query}", paths::AUTHORIZE))
}

/// The same as browsers call it, for a page that is no login page.
pub(in crate::http) fn link_of(request: &Request, state: &AppState) -> Option<String> {
    let is_plain = cookie::is_plain(state.issuer.public_url(), state.environment);
    path(&Jar::of(request.headers(), is_plain)).map(|path| state.issuer.at(&path))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use poem::http::{HeaderMap, HeaderValue, header};

    use super::*;

    fn path_of(query: &str) -> Option<String> {
        let cookie = format!("__Host-inwren-return={}", URL_SAFE_NO_PAD.encode(query));
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(&cookie).unwrap());
        path(&Jar::of(&headers, false))
    }

    #[test]
    fn link_is_a_path_of_this_service() {
        assert_eq!(
            path_of("client_id=wiki&state=a%26b&foo=1").as_deref(),
            Some("/oauth/authorize?client_id=wiki&state=a%26b")
        );
        for other in ["//evil.example", "https://evil.example/?a=b", "", "state=%ff"] {
            assert_eq!(path_of(other), None, "{other}");
        }
        assert_eq!(
            path_of("client_id=https://evil.example/#\"<").as_deref(),
            Some("/oauth/authorize?client_id=https%3A%2F%2Fevil.example%2F%23%22%3C")
        );
    }

    #[test]
    fn remembered_request_is_found() {
        let mut jar = Jar::of(&HeaderMap::new(), true);
        remember(&mut jar, &[("client_id".to_owned(), "a b".to_owned())]).unwrap();
        assert_eq!(path(&jar).as_deref(), Some("/oauth/authorize?client_id=a+b"));
    }
}
