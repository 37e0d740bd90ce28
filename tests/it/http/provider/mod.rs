//! The OpenID provider: people log in to applications on the pages of the service.

mod admin_clients;
mod application_tokens;
mod backchannel_plan;
mod basic_plan;
mod browser_sessions;
mod client_authentication;
mod client_rules;
mod codes;
mod config_plan;
mod consents;
mod cors;
mod issuer_answers;
mod logout_plan;
mod logout_tokens;
mod parameters;
mod pkce;
mod prompts;
mod redirect_uris;
mod refresh;
mod sign_up;

use std::sync::Arc;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::kernel::Clock as _;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, Browser, Form, ISSUER, PASSWORD, Reply, TestApp, forge};
use inwren_tests::authenticator::totp_code;
use inwren_tests::fixtures::unique;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::Duration;

/// A time step of authenticator apps.
const STEP: Duration = Duration::seconds(30);

/// The service with a superuser, a user and an application.
struct World {
    app: TestApp,
    boss: Account,
    ann: Account,
    client: Client,
}

/// The world with an application of the operator, which needs no consent.
async fn world(store: Arc<dyn Store>) -> World {
    world_with(store, json!({})).await
}

/// The same, with other settings of the application.
async fn world_with(store: Arc<dyn Store>, changes: Value) -> World {
    world_in(TestApp::over(store), changes).await
}

/// The same in this service.
async fn world_in(app: TestApp, changes: Value) -> World {
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let client = create_client(&app, &boss, changes).await;
    World { app, boss, ann, client }
}

impl World {
    /// The access token of the superuser, from a login just now.
    async fn admin(&self) -> String {
        self.app.login(&self.boss.email).await.access
    }

    /// A browser in which the user is logged in, and the tokens of the application.
    async fn signed_in(&self) -> (Browser<'_>, Granted) {
        let mut browser = Browser::new(&self.app);
        let granted = sign_in(&self.app, &mut browser, &self.ann, &self.client.request()).await;
        (browser, granted)
    }

    /// The same, for a request with this scope.
    async fn signed_in_with(&self, scope: &str) -> (Browser<'_>, Granted) {
        let mut browser = Browser::new(&self.app);
        let request = self.client.request().with("scope", scope);
        let granted = sign_in(&self.app, &mut browser, &self.ann, &request).await;
        (browser, granted)
    }
}

/// A registered client.
#[derive(Clone, Debug)]
struct Client {
    id: String,
    secret: Option<String>,
    redirect_uri: String,
    /// Where the browser may go after a logout.
    goodbye: String,
    /// The body that registered it.
    settings: Value,
}

/// Valid settings of a confidential client with a unique id, changed by these fields.
fn settings(changes: Value) -> Value {
    let id = format!("app-{}", unique());
    let mut settings = json!({
        "id": id, "name": format!("Application {id}"), "kind": "confidential",
        "redirect_uris": [format!("https://{id}.example/callback")],
        "post_logout_redirect_uris": [format!("https://{id}.example/goodbye")],
        "scopes": ["openid", "profile", "email", "offline_access"],
        "grant_types": ["authorization_code", "refresh_token"],
        "auth_method": "client_secret_basic", "first_party": true,
    });
    for (name, value) in changes.as_object().expect("fields") {
        settings[name.as_str()] = value.clone();
    }
    settings
}

/// The settings of a client that cannot keep a secret.
fn public() -> Value {
    json!({ "kind": "public", "auth_method": "none" })
}

/// The settings of an application of another operator, which needs consent.
fn third_party() -> Value {
    json!({ "first_party": false })
}

/// Registers a client.
async fn create_client(app: &TestApp, boss: &Account, changes: Value) -> Client {
    let settings = settings(changes);
    let call = app.post("/admin/clients").bearer(&boss.tokens.access).json(&settings);
    let created = call.send().await.expect_status(201).json();
    Client {
        id: text(&settings["id"]),
        secret: created["client_secret"].as_str().map(str::to_owned),
        redirect_uri: settings["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
        goodbye: settings["post_logout_redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
        settings,
    }
}

/// Changes the settings of the world's client.
async fn change_client(world: &World, changes: Value) {
    let mut settings = world.client.settings.clone();
    settings.as_object_mut().expect("fields").remove("id");
    for (name, value) in changes.as_object().expect("fields") {
        settings[name.as_str()] = value.clone();
    }
    let path = format!("/admin/clients/{}", world.client.id);
    let call = world.app.put(&path).bearer(&world.admin().await).json(&settings);
    call.send().await.expect_status(200).json();
}

/// Changes a user as a superuser.
async fn change_user(world: &World, user: &Account, changes: Value) {
    let path = format!("/admin/users/{}", user.id);
    let call = world.app.put(&path).bearer(&world.admin().await).json(&changes);
    call.send().await.expect_status(200).json();
}

impl Client {
    /// A valid authorization request with all that applications usually send.
    fn request(&self) -> Request {
        let n = unique();
        let verifier = format!("verifier-{n:040}");
        let parameters = [
            ("response_type", "code".to_owned()),
            ("client_id", self.id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("scope", "openid".to_owned()),
            ("state", format!("state {n} &=%")),
            ("nonce", format!("nonce-{n}")),
            ("code_challenge", challenge(&verifier)),
            ("code_challenge_method", "S256".to_owned()),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Request { client: self.clone(), verifier, parameters }
    }
}

/// The code challenge of a verifier (RFC 7636 section 4.2).
fn challenge(verifier: &str) -> String {
    forge::encode(&Sha256::digest(verifier))
}

/// An authorization request, and what its application remembers.
#[derive(Clone, Debug)]
struct Request {
    client: Client,
    verifier: String,
    parameters: Vec<(String, String)>,
}

impl Request {
    /// The request with another value of a parameter.
    fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// The request without a parameter.
    fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(one, _)| one != name);
        self
    }

    /// The request with one more parameter, even if it has one of this name.
    fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The only value of a parameter.
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(one, _)| one == name);
        let first = values.next().map(|(_, value)| value.as_str());
        first.filter(|_| values.next().is_none())
    }

    /// The path with the query.
    fn path(&self) -> String {
        let query = serde_urlencoded::to_string(&self.parameters).expect("a query");
        format!("/oauth/authorize?{query}")
    }

    /// What the application or the user gets. It checks what every answer to an application must have.
    #[track_caller]
    fn outcome(&self, reply: Reply) -> Outcome {
        let Some(answer) = self.answer(&reply) else { return Outcome::Page(Box::new(reply)) };
        let value = |name: &str| {
            let mut values = answer.iter().filter(|(one, _)| one == name);
            let first = values.next().map(|(_, value)| value.clone());
            assert!(values.next().is_none(), "{name} twice: {reply}");
            first
        };
        assert_eq!(value("iss").as_deref(), Some(ISSUER), "{reply}");
        assert_eq!(value("state").as_deref(), self.value("state"), "{reply}");
        match (value("code"), value("error")) {
            (Some(code), None) => Outcome::Code(code),
            (None, Some(error)) => {
                assert!(value("error_description").is_some(), "{reply}");
                Outcome::Error(error)
            }
            _ => panic!("neither a code nor an error: {reply}"),
        }
    }

    /// The parameters that the application gets, if the answer leads to it.
    fn answer(&self, reply: &Reply) -> Option<Vec<(String, String)>> {
        let uri = self.value("redirect_uri")?;
        if let Some(location) = reply.header("location") {
            assert!(matches!(reply.status, 302 | 303), "{reply}");
            let query = location.strip_prefix(uri)?.strip_prefix(['?', '&'])?;
            return Some(serde_urlencoded::from_str(query).expect("parameters"));
        }
        let form = Form::all(reply).into_iter().find(|form| form.action == uri)?;
        let hidden = form.fields.into_iter().filter(|field| field.kind == "hidden");
        Some(hidden.map(|field| (field.name, field.value)).collect())
    }
}

/// What an authorization request leads to.
#[derive(Debug)]
enum Outcome {
    /// The application gets a code.
    Code(String),
    /// The application gets an error.
    Error(String),
    /// The user sees a page.
    Page(Box<Reply>),
}

impl Outcome {
    #[track_caller]
    fn code(self) -> String {
        match self {
            Self::Code(code) => code,
            other => panic!("no code: {other}"),
        }
    }

    #[track_caller]
    fn error(self) -> String {
        match self {
            Self::Error(error) => error,
            other => panic!("no error: {other}"),
        }
    }

    /// The page of a valid request.
    #[track_caller]
    fn page(self) -> Reply {
        self.any_page().expect_status(200)
    }

    /// Checks for a page that shows an error and leads nowhere.
    #[track_caller]
    fn expect_refused(self) {
        let page = self.any_page();
        assert_eq!(page.status, 400, "{page}");
        assert!(page.header("location").is_none(), "{page}");
        assert!(Form::all(&page).is_empty(), "{page}");
    }

    #[track_caller]
    fn any_page(self) -> Reply {
        match self {
            Self::Page(page) => *page,
            other => panic!("no page: {other}"),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Error(error) => write!(f, "error {error}"),
            Self::Page(page) => write!(f, "page {page}"),
        }
    }
}

/// Sends an authorization request.
async fn authorize(browser: &mut Browser<'_>, request: &Request) -> Outcome {
    let reply = browser.open(&request.path()).await;
    request.outcome(reply)
}

/// The form of a page that asks for the password.
#[track_caller]
fn login_form(page: &Reply) -> Form {
    let has_password = |form: &Form| form.leads_to("/login") && form.field_of("password").is_some();
    Form::all(page).into_iter().find(has_password).unwrap_or_else(|| panic!("no login form: {page}"))
}

/// Fills in the login form.
fn credentials(form: &Form, email: &str, password: &str) -> Vec<(String, String)> {
    let name = |kind: &str| form.field_of(kind).map(|field| field.name.as_str());
    let address = name("email").map(|name| (name, email));
    let password = name("password").map(|name| (name, password));
    form.filled(&address.into_iter().chain(password).collect::<Vec<_>>())
}

/// Enters the address and the password.
async fn enter_password(browser: &mut Browser<'_>, page: &Reply, email: &str, password: &str) -> Reply {
    let form = login_form(page);
    browser.post(&form.action, &credentials(&form, email, password)).await
}

/// Enters the code of an authenticator app.
async fn enter_code(browser: &mut Browser<'_>, page: &Reply, code: &str) -> Reply {
    browser.submit(page, "/login/factor", &[("code", code)]).await
}

/// Answers the consent page.
async fn consent(browser: &mut Browser<'_>, page: &Reply, action: &str) -> Reply {
    browser.submit(page, "/consent", &[("action", action)]).await
}

/// Logs in on the pages, and returns the page or answer after it.
async fn log_in(browser: &mut Browser<'_>, account: &Account, request: &Request) -> Outcome {
    let page = authorize(browser, request).await.page();
    request.outcome(enter_password(browser, &page, &account.email, PASSWORD).await)
}

/// Logs in on the pages, and returns the tokens of the application. It needs no consent.
async fn sign_in(app: &TestApp, browser: &mut Browser<'_>, account: &Account, request: &Request) -> Granted {
    let code = log_in(browser, account, request).await.code();
    granted(exchange(app, request, &code).await)
}

/// Sends a request that needs no page, and returns the tokens of the application.
async fn sign_in_again(app: &TestApp, browser: &mut Browser<'_>, request: &Request) -> Granted {
    let code = authorize(browser, request).await.code();
    granted(exchange(app, request, &code).await)
}

/// Checks that the browser has no live session.
async fn expect_logged_out(browser: &mut Browser<'_>, client: &Client) {
    let request = client.request().with("prompt", "none");
    assert_eq!(authorize(browser, &request).await.error(), "login_required");
}

/// The tokens of an application.
#[derive(Clone, Debug)]
struct Granted {
    access: String,
    refresh: Option<String>,
    id: Option<String>,
    scope: String,
}

impl Granted {
    #[track_caller]
    fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("a refresh token")
    }

    #[track_caller]
    fn id(&self) -> &str {
        self.id.as_deref().expect("an ID token")
    }

    /// The claims of the ID token.
    #[track_caller]
    fn claims(&self) -> Value {
        forge::open(self.id()).1
    }
}

/// The tokens of a successful answer.
#[track_caller]
fn granted(reply: Reply) -> Granted {
    let reply = reply.expect_status(200);
    let body = reply.json();
    assert_eq!(body["token_type"], "Bearer", "{reply}");
    let optional = |name: &str| body[name].as_str().map(str::to_owned);
    Granted {
        access: text(&body["access_token"]),
        refresh: optional("refresh_token"),
        id: optional("id_token"),
        scope: text(&body["scope"]),
    }
}

/// Calls the token endpoint as the client authenticates.
async fn token(app: &TestApp, client: &Client, fields: &[(&str, &str)]) -> Reply {
    let id = ("client_id", client.id.as_str());
    let call = app.post("/oauth/token");
    let call = match &client.secret {
        Some(secret) if client.settings["auth_method"] == "client_secret_post" => {
            call.form(&[fields, &[id, ("client_secret", secret.as_str())]].concat())
        }
        Some(secret) => call.basic(&client.id, secret).form(fields),
        None => call.form(&[fields, &[id]].concat()),
    };
    call.send().await
}

/// Exchanges the code of a request.
async fn exchange(app: &TestApp, request: &Request, code: &str) -> Reply {
    exchange_with(app, request, code, &request.verifier).await
}

/// The same with another verifier.
async fn exchange_with(app: &TestApp, request: &Request, code: &str, verifier: &str) -> Reply {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", request.value("redirect_uri").unwrap_or_default()),
        ("code_verifier", verifier),
    ];
    token(app, &request.client, &fields).await
}

/// Exchanges a refresh token.
async fn refresh(app: &TestApp, client: &Client, refresh_token: &str) -> Reply {
    token(app, client, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

async fn userinfo(app: &TestApp, access_token: &str) -> Reply {
    app.get("/oauth/userinfo").bearer(access_token).send().await
}

/// Checks that the tokens still work. The refresh token is exchanged.
async fn expect_live(app: &TestApp, client: &Client, tokens: &Granted) -> Granted {
    userinfo(app, &tokens.access).await.expect_status(200).json();
    granted(refresh(app, client, tokens.refresh()).await)
}

/// Checks that the tokens no longer work.
async fn expect_ended(app: &TestApp, client: &Client, tokens: &Granted) {
    expect_bearer_error(&userinfo(app, &tokens.access).await, 401, "invalid_token");
    if let Some(token) = &tokens.refresh {
        refresh(app, client, token).await.expect_oauth_error("invalid_grant");
    }
}

/// Checks for the refusal of an access token (RFC 6750 section 3.1).
#[track_caller]
fn expect_bearer_error(reply: &Reply, status: u16, error: &str) {
    assert_eq!(reply.status, status, "{reply}");
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer "), "{reply}");
    assert!(challenge.contains(&format!(r#"error="{error}""#)), "{reply}");
}

/// Checks for the refusal of a client (RFC 6749 section 5.2).
#[track_caller]
fn expect_invalid_client(reply: &Reply) {
    assert_eq!((reply.status, &reply.json()["error"]), (401, &json!("invalid_client")), "{reply}");
    assert!(reply.header("www-authenticate").is_some_and(|text| text.starts_with("Basic ")), "{reply}");
}

/// Checks the signature of a token with the published keys, and returns its header and claims.
async fn verified(app: &TestApp, token: &str) -> (Value, Value) {
    let (header, claims) = forge::open(token);
    let keys = app.get("/.well-known/jwks.json").send().await.expect_status(200).json();
    let mut keys = keys["keys"].as_array().expect("keys").iter();
    let key = keys.find(|key| key["kid"] == header["kid"]).expect("the key of the token");
    let (input, signature) = token.rsplit_once('.').expect("a signature");
    let key = RsaPublicKeyComponents { n: decode(&text(&key["n"])), e: decode(&text(&key["e"])) };
    let result = key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &decode(signature));
    assert!(result.is_ok(), "the signature of {header} is wrong");
    (header, claims)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Enrols an authenticator app, and returns its secret.
async fn enrol(app: &TestApp, account: &Account) -> String {
    let call = app.post("/users/me/totp").bearer(&account.tokens.access).json(&json!({}));
    let new = call.send().await.expect_status(201).json();
    let path = format!("/users/me/totp/{}/confirm", text(&new["id"]));
    let body = json!({ "code": totp_code(&text(&new["secret"]), app.clock.now()) });
    app.post(&path).bearer(&account.tokens.access).json(&body).send().await.expect_status(201).json();
    text(&new["secret"])
}

/// The next code of an authenticator app. The clock advances by one time step.
fn next_code(app: &TestApp, secret: &str) -> String {
    app.clock.advance(STEP);
    totp_code(secret, app.clock.now())
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A value in a query.
fn encoded(value: &str) -> String {
    serde_urlencoded::to_string(&[("", value)][..]).expect("a query")[1..].to_owned()
}
