//! Second factors: authenticator apps, passkeys, recovery codes, trusted devices, and the policy that requires
//! them.

mod address_undo;
mod admin;
mod budgets;
mod lost_factor;
mod manage;
mod metadata;
mod passkey_enrolment;
mod passkey_factor;
mod passkey_login;
mod policy;
mod races;
mod recovery_codes;
mod reset;
mod secret_keys;
mod sensitive;
mod step_up;
mod totp;
mod trusted_devices;
mod two_steps;
mod void;

use std::sync::Arc;

use inwren_domain::FactorSettings;
use inwren_domain::audit::{AuditEvent, AuditEventKind, AuditFilter};
use inwren_domain::factor::RelyingParty;
use inwren_domain::kernel::Clock as _;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, ISSUER, PASSWORD, Reply, TestApp, Tokens, forge};
use inwren_tests::authenticator::{Authenticator, totp_code};
use inwren_tests::fakes::kind_in;
use inwren_tests::fixtures::audit_events;
use serde_json::{Value, json};
use time::Duration;

/// The domain to which passkeys are bound. Their origin is [`ISSUER`].
const RELYING_PARTY: &str = "issuer.example.org";
/// A well-formed recovery code that no user has.
const NO_CODE: &str = "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA";
/// A password that a test sets.
const CHOSEN: &str = "even more secure 456";
/// A time step of authenticator apps.
const STEP: Duration = Duration::seconds(30);

/// The service with mail and passkeys.
fn app(store: Arc<dyn Store>) -> TestApp {
    configured(store, |_| ())
}

/// The same, with other rules of second factors.
fn configured(store: Arc<dyn Store>, change: impl FnOnce(&mut FactorSettings)) -> TestApp {
    TestApp::with_mail(store, |config| {
        let factors = &mut config.rules.factors;
        factors.relying_party = Some(relying_party());
        change(factors);
    })
}

fn relying_party() -> RelyingParty {
    RelyingParty { id: RELYING_PARTY.to_owned(), origins: vec![ISSUER.to_owned()] }
}

/// A user with an authenticator app.
struct Member {
    /// The account. Its session enrolled the app, and stays at `aal1`.
    account: Account,
    /// The id of the factor.
    factor: String,
    /// The secret of the app.
    secret: String,
    /// The codes that came with the first factor.
    recovery_codes: Vec<String>,
}

impl Member {
    /// The code that the app shows this many time steps later.
    fn code(&self, app: &TestApp, steps: i32) -> String {
        totp_code(&self.secret, app.clock.now() + STEP * steps)
    }

    /// A code that the app does not show at any time near now.
    fn wrong_code(&self, app: &TestApp) -> String {
        let near: Vec<String> = (-3..=3).map(|steps| self.code(app, steps)).collect();
        (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("a code")
    }

    fn email(&self) -> &str {
        &self.account.email
    }
}

/// Registers a user who enrols an authenticator app.
async fn member(app: &TestApp) -> Member {
    let account = app.user_fixture().await;
    enrol_totp(app, account).await
}

/// Creates a superuser who enrols an authenticator app and logs in with it.
async fn strong_superuser(app: &TestApp) -> (Member, Tokens) {
    let account = app.superuser().await;
    let boss = enrol_totp(app, account).await;
    let tokens = log_in(app, &boss).await;
    (boss, tokens)
}

async fn begin_totp(app: &TestApp, tokens: &Tokens) -> Reply {
    app.post("/users/me/totp").bearer(&tokens.access).json(&json!({})).send().await
}

async fn confirm_totp(app: &TestApp, tokens: &Tokens, factor: &str, code: &str) -> Reply {
    let path = format!("/users/me/totp/{factor}/confirm");
    app.post(&path).bearer(&tokens.access).json(&json!({ "code": code })).send().await
}

/// Enrols an authenticator app with the session of the account.
async fn enrol_totp(app: &TestApp, account: Account) -> Member {
    let new = begin_totp(app, &account.tokens).await.expect_status(201).json();
    let (factor, secret) = (text(&new["id"]), text(&new["secret"]));
    let code = totp_code(&secret, app.clock.now());
    let enrolled = confirm_totp(app, &account.tokens, &factor, &code).await.expect_status(201).json();
    Member { account, factor, secret, recovery_codes: texts(&enrolled["recovery_codes"]) }
}

async fn passkey_options(app: &TestApp, tokens: &Tokens) -> Reply {
    app.post("/users/me/passkeys/options").bearer(&tokens.access).send().await
}

async fn add_passkey(app: &TestApp, tokens: &Tokens, body: &Value) -> Reply {
    app.post("/users/me/passkeys").bearer(&tokens.access).json(body).send().await
}

/// Enrols a passkey, and returns the response.
async fn enrol_passkey(app: &TestApp, tokens: &Tokens, device: &mut Authenticator) -> Value {
    let options = passkey_options(app, tokens).await.expect_status(200).json();
    let body = json!({ "credential": device.create(&options, ISSUER) });
    add_passkey(app, tokens, &body).await.expect_status(201).json()
}

/// Registers a user who enrols a passkey.
async fn passkey_user(app: &TestApp, device: &mut Authenticator) -> Account {
    let account = app.user_fixture().await;
    enrol_passkey(app, &account.tokens, device).await;
    account
}

/// Options for a login with a passkey alone.
async fn any_passkey(app: &TestApp) -> Value {
    app.post("/auth/passkey/options").json(&json!({})).send().await.expect_status(200).json()
}

async fn passkey_login(app: &TestApp, credential: &Value) -> Reply {
    app.post("/auth/passkey/login").json(&json!({ "credential": credential })).send().await
}

/// Logs in with a passkey alone.
async fn log_in_by_passkey(app: &TestApp, device: &mut Authenticator) -> Tokens {
    let options = any_passkey(app).await;
    passkey_login(app, &device.get(&options, ISSUER)).await.expect_status(200).tokens()
}

/// Sends the password, and returns the problem that asks for the second factor.
async fn first_step(app: &TestApp, email: &str) -> Value {
    app.try_login(email, PASSWORD).await.expect_problem(401, "second-factor-required")
}

async fn second_step(app: &TestApp, body: &Value) -> Reply {
    app.post("/auth/login/factor").json(body).send().await
}

/// Answers the second step by a code.
async fn answer(app: &TestApp, asked: &Value, method: &str, code: &str) -> Reply {
    second_step(app, &json!({ "challenge": asked["challenge"], "method": method, "code": code })).await
}

/// Answers the second step by a passkey.
async fn answer_by_passkey(app: &TestApp, asked: &Value, credential: &Value) -> Reply {
    let body = json!({ "challenge": asked["challenge"], "method": "passkey", "credential": credential });
    second_step(app, &body).await
}

/// Logs in with the next code of the app. The clock advances by one time step.
async fn log_in(app: &TestApp, member: &Member) -> Tokens {
    app.clock.advance(STEP);
    let asked = first_step(app, member.email()).await;
    answer(app, &asked, "totp", &member.code(app, 0)).await.expect_status(200).tokens()
}

/// Presents wrong codes, five per login.
async fn guess(app: &TestApp, member: &Member, method: &str, count: usize) {
    let wrong = if method == "totp" { member.wrong_code(app) } else { NO_CODE.to_owned() };
    let mut asked = Value::Null;
    for n in 0..count {
        if n % 5 == 0 {
            asked = first_step(app, member.email()).await;
        }
        expect_wrong(&answer(app, &asked, method, &wrong).await, 4 - n % 5);
    }
}

/// The methods that a login offers after the password.
async fn methods(app: &TestApp, email: &str) -> Vec<String> {
    texts(&first_step(app, email).await["methods"])
}

async fn step_up(app: &TestApp, tokens: &Tokens, body: &Value) -> Reply {
    app.post("/auth/step-up").bearer(&tokens.access).json(body).send().await
}

async fn factors(app: &TestApp, tokens: &Tokens) -> Value {
    app.get("/users/me/factors").bearer(&tokens.access).send().await.expect_status(200).json()
}

async fn remove(app: &TestApp, tokens: &Tokens, factor: &str) -> Reply {
    app.delete(&format!("/users/me/factors/{factor}")).bearer(&tokens.access).send().await
}

async fn replace_recovery_codes(app: &TestApp, tokens: &Tokens) -> Reply {
    app.post("/users/me/recovery-codes").bearer(&tokens.access).send().await
}

async fn change_password(app: &TestApp, tokens: &Tokens) -> Reply {
    let body = json!({ "current_password": PASSWORD, "new_password": CHOSEN });
    app.post("/users/me/password").bearer(&tokens.access).json(&body).send().await
}

/// Checks for a wrong factor with this number of attempts left.
#[track_caller]
fn expect_wrong(reply: &Reply, attempts_left: usize) {
    assert_eq!(reply.expect_problem(401, "invalid-factor")["attempts_left"], attempts_left, "{reply}");
}

/// Checks for the end of a challenge.
#[track_caller]
fn expect_over(reply: &Reply) {
    reply.expect_problem(410, "challenge-over");
}

/// Checks for a step-up to this assurance (RFC 9470 section 3).
#[track_caller]
fn expect_step_up(reply: &Reply, acr: &str) {
    let body = reply.expect_problem(401, "insufficient-user-authentication");
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains(&format!(r#"acr_values="{acr}""#)), "{reply}");
    assert!(challenge.contains(r#"max_age="900""#), "{reply}");
    assert_eq!((&body["acr_values"], &body["max_age"]), (&json!(acr), &json!(900)), "{reply}");
}

/// Checks that the access token works.
async fn expect_live(app: &TestApp, tokens: &Tokens) {
    app.me(&tokens.access).await.expect_status(200).json();
}

/// Checks that neither token works.
async fn expect_ended(app: &TestApp, tokens: &Tokens) {
    app.me(&tokens.access).await.expect_invalid_token();
    app.try_refresh(&tokens.refresh).await.expect_invalid_token();
}

/// The claims of the access token.
fn claims(tokens: &Tokens) -> Value {
    forge::open(&tokens.access).1
}

/// The `acr` and `amr` claims.
fn assurance(tokens: &Tokens) -> (Value, Value) {
    let claims = claims(tokens);
    (claims["acr"].clone(), claims["amr"].clone())
}

/// Sends all letters that are due, and returns how many of this kind were ever sent to the address.
async fn letters(app: &TestApp, address: &str, kind: &str) -> usize {
    app.letters_to(address).await.iter().filter(|letter| kind_in(letter) == kind).count()
}

/// The audit events of this kind about the user, newest first.
async fn events(app: &TestApp, account: &Account, kind: AuditEventKind) -> Vec<AuditEvent> {
    let all = audit_events(&*app.state.core.store, &AuditFilter::default()).await.expect("events");
    let subject = format!("user:{}", account.id);
    all.into_iter().filter(|event| event.kind == kind && event.subject.to_string() == subject).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}
