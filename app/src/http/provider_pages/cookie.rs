use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::kernel::{Entropy, PlainToken};
use poem::http::{HeaderMap, HeaderValue, Uri, header};

use crate::config::Environment;
use crate::http::shared::problem::Problem;

/// The name of the cookie of the browser session.
const SESSION: &str = "inwren";
/// The name of the cookie to which interactions are bound.
const INTERACTION: &str = "inwren-interaction";
/// The name of the cookie with the authorization request to which the user can return.
const RETURN: &str = "inwren-return";
/// The longest value of that cookie, in bytes. Browsers keep 4,096 bytes of name and value.
const MAX_RETURN: usize = 3 * 1_024;
/// Only the host itself can set a cookie with this prefix, and only over TLS (RFC 6265bis section 4.1.3.2).
const PREFIX: &str = "__Host-";
/// The length of 256 bits in base64url.
const SECRET_CHARS: usize = 43;

/// Returns whether cookies go over plain HTTP: without prefix and `Secure`, on the loopback interface in development.
pub(super) fn is_plain(public_url: &str, environment: Environment) -> bool {
    let url: Option<Uri> = public_url.parse().ok();
    let Some(url) = url.filter(|url| url.scheme_str() == Some("http")) else { return false };
    let is_loopback = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    is_loopback && matches!(environment, Environment::Development)
}

/// The cookies of a browser, and what the response changes of them.
pub(in crate::http) struct Jar {
    is_plain: bool,
    session: Option<PlainToken>,
    interaction: Option<String>,
    request: Option<String>,
    changes: Vec<HeaderValue>,
}

impl Jar {
    /// Reads the cookies of a request.
    pub(super) fn of(headers: &HeaderMap, is_plain: bool) -> Self {
        let mut jar = Self { is_plain, session: None, interaction: None, request: None, changes: Vec::new() };
        let (session, interaction, request) = (jar.name(SESSION), jar.name(INTERACTION), jar.name(RETURN));
        for (name, value) in pairs(headers) {
            if name == session && !value.is_empty() && jar.session.is_none() {
                jar.session = Some(PlainToken::new(value.to_owned()));
            } else if name == interaction && is_secret(value) && jar.interaction.is_none() {
                jar.interaction = Some(value.to_owned());
            } else if name == request && !value.is_empty() && jar.request.is_none() {
                jar.request = Some(value.to_owned());
            }
        }
        jar
    }

    /// The token of the browser session, which may have ended.
    pub(in crate::http) fn session(&self) -> Option<&PlainToken> {
        self.session.as_ref()
    }

    /// Puts the token of a new or re-keyed session into the cookie.
    pub(in crate::http) fn start_session(&mut self, token: PlainToken) {
        self.change(SESSION, token.expose(), "");
        self.session = Some(token);
    }

    /// Deletes the cookie of the session.
    pub(super) fn end_session(&mut self) {
        if self.session.take().is_some() {
            self.change(SESSION, "", "; Max-Age=0");
        }
    }

    /// The secret to which interactions in this browser are bound.
    pub(super) fn interaction(&self) -> Option<&str> {
        self.interaction.as_deref()
    }

    /// The same secret. Creates it if the browser has none.
    pub(super) fn interaction_or_new(&mut self, entropy: &dyn Entropy) -> Result<String, Problem> {
        if let Some(secret) = &self.interaction {
            return Ok(secret.clone());
        }
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes).map_err(Problem::internal)?;
        let secret = URL_SAFE_NO_PAD.encode(bytes);
        self.change(INTERACTION, &secret, "");
        self.interaction = Some(secret.clone());
        Ok(secret)
    }

    /// The query of the authorization request to which the user can return. It comes from the browser unverified.
    pub(super) fn request(&self) -> Option<String> {
        String::from_utf8(URL_SAFE_NO_PAD.decode(self.request.as_deref()?).ok()?).ok()
    }

    /// Keeps the query of an authorization request for 30 minutes. One that is too long is not kept, and ends the one
    /// before it.
    pub(super) fn keep_request(&mut self, query: &str) {
        let value = URL_SAFE_NO_PAD.encode(query);
        if value.len() > MAX_RETURN {
            self.forget_request();
        } else {
            self.change(RETURN, &value, "; Max-Age=1800");
            self.request = Some(value);
        }
    }

    /// Deletes the cookie of the request.
    pub(super) fn forget_request(&mut self) {
        if self.request.take().is_some() {
            self.change(RETURN, "", "; Max-Age=0");
        }
    }

    /// Writes the changes to a response.
    pub(super) fn write_to(self, headers: &mut HeaderMap) {
        for change in self.changes {
            headers.append(header::SET_COOKIE, change);
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", if self.is_plain { "" } else { PREFIX })
    }

    fn change(&mut self, name: &str, value: &str, extra: &str) {
        let secure = if self.is_plain { "" } else { "; Secure" };
        let cookie = format!("{}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{extra}", self.name(name));
        if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
            cookie.set_sensitive(true);
            self.changes.push(cookie);
        }
    }
}

/// The cookies in all `Cookie` headers.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}

fn is_secret(value: &str) -> bool {
    value.len() == SECRET_CHARS && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookie: &'static str, is_plain: bool) -> Jar {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
        Jar::of(&headers, is_plain)
    }

    #[test]
    fn cookies_without_the_prefix_are_ignored() {
        let line = "a=b; inwren=plain; __Host-inwren=id.secret";
        assert_eq!(read(line, false).session().unwrap().expose(), "id.secret");
        assert_eq!(read(line, true).session().unwrap().expose(), "plain");
        assert!(read("inwren=plain", false).session().is_none());
    }

    #[test]
    fn cookies_have_all_attributes() {
        let mut jar = read("x=y", false);
        jar.start_session(PlainToken::new("id.secret".to_owned()));
        let mut headers = HeaderMap::new();
        jar.write_to(&mut headers);
        assert_eq!(
            headers[header::SET_COOKIE],
            "__Host-inwren=id.secret; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn request_is_kept_and_read() {
        let mut jar = read("x=y", true);
        jar.keep_request("client_id=wiki&state=a%26b");
        let mut headers = HeaderMap::new();
        jar.write_to(&mut headers);
        let cookie = headers[header::SET_COOKIE].to_str().unwrap();
        let (pair, attributes) = cookie.split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax; Max-Age=1800");
        let mut sent = HeaderMap::new();
        sent.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
        let jar = Jar::of(&sent, true);
        assert_eq!(jar.request().as_deref(), Some("client_id=wiki&state=a%26b"));
    }

    #[test]
    fn long_request_replaces_an_earlier_one() {
        let mut jar = read("__Host-inwren-return=YQ", false);
        jar.keep_request(&"a".repeat(2_305));
        assert_eq!(jar.request(), None);
        let mut headers = HeaderMap::new();
        jar.write_to(&mut headers);
        assert!(headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn unreadable_request_is_ignored() {
        assert_eq!(read("inwren-return=a%20b", true).request(), None);
        assert_eq!(read("inwren-return=_w", true).request(), None);
        assert_eq!(read("inwren-return=YQ", false).request(), None);
    }

    #[test]
    fn unchanged_cookies_are_not_set() {
        let mut jar = read("x=y", false);
        jar.end_session();
        let mut headers = HeaderMap::new();
        jar.write_to(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn plain_cookies_need_development_on_loopback() {
        let (development, production) = (Environment::Development, Environment::Production);
        assert!(is_plain("http://localhost:8000", development));
        assert!(is_plain("http://127.0.0.1:8000/a", development));
        assert!(is_plain("http://[::1]:8000", development));
        assert!(!is_plain("http://localhost:8000", production));
        assert!(!is_plain("https://localhost:8000", development));
        assert!(!is_plain("http://localhost.example", development));
    }
}
