//! An application of the OpenID provider, and the browsers of its users.

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use inwren_tests::app::Form;
use inwren_tests::fixtures::unique;
use inwren_tests::process::{Answer, Call, Connection, Program};
use sha2::{Digest as _, Sha256};

use super::client::PASSWORD;

/// Where the browser returns after a login.
const CALLBACK: &str = "https://wiki.example/callback";
const FORM: &str = "application/x-www-form-urlencoded";

/// A confidential client.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    id: String,
    secret: String,
}

/// An authorization request, and what the application remembers of it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The path with the query.
    pub(crate) path: String,
    verifier: String,
}

impl Application {
    /// Registers a client with the command for it. The database needs its tables.
    pub(crate) fn register(program: &Program, id: &str, options: &[&str]) -> Self {
        let create = ["clients", "create", id, "--id", id, "--kind", "confidential"];
        let arguments = [&create[..], &["--redirect-uri", CALLBACK], options].concat();
        let said = program.clone().args(arguments).run().with_code(0);
        let secret = said.lines().find_map(|line| line.strip_prefix("client_secret: "));
        Self { id: id.to_owned(), secret: secret.expect("a secret").to_owned() }
    }

    /// A new authorization request.
    pub(crate) fn request(&self) -> Request {
        let n = unique();
        let verifier = format!("verifier-{n:040}");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("scope", "openid email"),
            ("state", &format!("state-{n}")),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Request { path: format!("/oauth/authorize?{query}"), verifier }
    }

    /// The request to exchange a code.
    pub(crate) fn exchange(&self, request: &Request, code: &str) -> Call {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &request.verifier),
        ])
    }

    /// The request to exchange a refresh token.
    pub(crate) fn refresh(&self, token: &str) -> Call {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    fn token(&self, fields: &[(&str, &str)]) -> Call {
        let credentials = STANDARD.encode(format!("{}:{}", self.id, self.secret));
        let call = Call::new("POST", "/oauth/token").header("Authorization", &format!("Basic {credentials}"));
        call.body(FORM, encoded(fields))
    }
}

impl Request {
    /// The path of the same request without a page.
    pub(crate) fn silent(&self) -> String {
        format!("{}&prompt=none", self.path)
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).expect("a form")
}

pub(crate) fn userinfo(access: &str) -> Call {
    Call::get("/oauth/userinfo").bearer(access)
}

/// A parameter that the application receives.
pub(crate) fn returned(answer: &Answer, name: &str) -> Option<String> {
    let query = answer.header("location")?.strip_prefix(CALLBACK)?.strip_prefix('?')?;
    let parameters: Vec<(String, String)> = serde_urlencoded::from_str(query).expect("parameters");
    parameters.into_iter().find(|(one, _)| one == name).map(|(_, value)| value)
}

/// The code that the application receives.
#[track_caller]
pub(crate) fn code_in(answer: &Answer) -> String {
    returned(answer, "code").unwrap_or_else(|| panic!("no code: {answer:?}"))
}

/// Checks for the refusal of a code or a refresh token.
#[track_caller]
pub(crate) fn expect_invalid_grant(answer: &Answer) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.text("error"), "invalid_grant", "{answer:?}");
}

/// The browser of a user. It keeps cookies and submits forms; the caller chooses the instance for each request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens a page.
    pub(crate) fn open(&mut self, line: &mut Connection, path: &str) -> io::Result<Answer> {
        self.send(line, Call::get(path))
    }

    /// Submits the first form of the page that leads to this path and has all these fields.
    #[track_caller]
    pub(crate) fn submit(
        &mut self,
        line: &mut Connection,
        page: &Answer,
        action: &str,
        fields: &[(&str, &str)],
    ) -> io::Result<Answer> {
        let mut forms = Form::in_html(&page.body).into_iter();
        let form = forms.find(|form| form.action == action && form.takes(fields));
        let form = form.unwrap_or_else(|| panic!("no form to {action} with {fields:?}: {page:?}"));
        let body = serde_urlencoded::to_string(form.filled(fields)).expect("a form");
        // Pages have the policy `no-referrer`, for which browsers send this origin.
        self.send(line, Call::new("POST", action).header("Origin", "null").body(FORM, body))
    }

    /// Opens a request and enters the password. Returns the next page, or the answer to the application.
    #[track_caller]
    pub(crate) fn log_in(
        &mut self,
        line: &mut Connection,
        request: &Request,
        email: &str,
    ) -> io::Result<Answer> {
        let page = self.open(line, &request.path)?;
        self.submit(line, &page, "/login", &[("email", email), ("password", PASSWORD)])
    }

    fn send(&mut self, line: &mut Connection, call: Call) -> io::Result<Answer> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = if cookies.is_empty() { call } else { call.header("Cookie", &cookies.join("; ")) };
        let answer = line.call(&call)?;
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.keep(cookie);
        }
        Ok(answer)
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').expect("a name and a value");
        let is_deleted = attributes.split(';').any(|one| one.trim().eq_ignore_ascii_case("max-age=0"));
        if is_deleted {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}
