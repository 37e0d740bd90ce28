//! The pages of a user's second factors, and the way back to an application.

use std::sync::Arc;

use inwren_domain::factor::FactorPolicy;
use inwren_domain::kernel::Clock as _;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, Browser, Form, PASSWORD, Reply, TestApp};
use inwren_tests::authenticator::{Authenticator, totp_code};
use inwren_tests::fakes::{ORIGIN, kind_in, token_in};
use inwren_tests::fixtures::unique;
use serde_json::{Value, json};
use time::Duration;

stories! {
    pages_need_a_session
    app_is_enrolled_renamed_and_removed
    wrong_code_enrols_nothing
    invalid_names_are_refused
    passkey_is_enrolled
    tampered_passkey_enrols_nothing
    old_session_steps_up_by_password
    recovery_codes_are_replaced
    forms_of_other_sessions_are_refused
    get_changes_nothing
    required_factor_is_enrolled_first
    request_goes_on_after_the_enrolment
    reset_leads_back_to_the_application
    login_page_leads_back_to_the_application
}

const FACTORS: &str = "/account/factors";
const APP: &str = "/account/factors/app";
const PASSKEY: &str = "/account/factors/passkey";
const CODES: &str = "/account/factors/codes";
const STEP_UP: &str = "/login/factor";
const RETURN_COOKIE: &str = "__Host-inwren-return";

/// The service, which requires a second factor of all users.
fn strict(store: Arc<dyn Store>) -> TestApp {
    TestApp::configured(store, |config| config.rules.factors.required_for = FactorPolicy::All)
}

/// A browser in which the user is logged in.
async fn signed_in<'a>(app: &'a TestApp, account: &Account) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let page = browser.open("/login").await.expect_status(200);
    let fields = [("email", account.email.as_str()), ("password", PASSWORD)];
    let page = browser.submit(&page, "/login", &fields).await.expect_status(200);
    assert!(browser.session().is_some(), "{page}");
    browser
}

/// The text between these parts of a page.
#[track_caller]
fn between(page: &Reply, start: &str, end: &str) -> String {
    let rest = page.text().split_once(start).unwrap_or_else(|| panic!("no {start}: {page}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end}: {page}")).0.to_owned()
}

/// The secret that a page shows.
#[track_caller]
fn secret_in(page: &Reply) -> String {
    between(page, "<pre id=\"secret\">", "</pre>").replace(' ', "")
}

/// The recovery codes that a page shows.
#[track_caller]
fn codes_in(page: &Reply) -> Vec<String> {
    between(page, "<pre id=\"codes\">", "</pre>").lines().map(str::to_owned).collect()
}

/// The page with the secret of a new app.
async fn begin_app(browser: &mut Browser<'_>) -> Reply {
    let start = browser.open(APP).await.expect_status(200);
    browser.submit(&start, APP, &[("name", "My phone")]).await.expect_status(200)
}

/// Enrols an app as the first factor. Returns its secret and the recovery codes.
async fn enrol_app(app: &TestApp, browser: &mut Browser<'_>) -> (String, Vec<String>) {
    let page = begin_app(browser).await;
    let secret = secret_in(&page);
    let code = totp_code(&secret, app.clock.now());
    let shown = browser.submit(&page, APP, &[("code", code.as_str())]).await.expect_status(200);
    (secret, codes_in(&shown))
}

/// Enters the next code of the app. The clock advances by one time step.
async fn step_up(app: &TestApp, browser: &mut Browser<'_>, page: &Reply, secret: &str) -> Reply {
    app.clock.advance(Duration::seconds(30));
    let code = totp_code(secret, app.clock.now());
    browser.submit(page, STEP_UP, &[("code", code.as_str())]).await
}

/// The factors of the user, by the API.
async fn listed(app: &TestApp, account: &Account) -> Value {
    let call = app.get("/users/me/factors").bearer(&account.tokens.access);
    call.send().await.expect_status(200).json()["items"].clone()
}

/// The path and query of a valid request of a new application.
async fn request_of_application(app: &TestApp) -> String {
    let boss = app.superuser().await;
    let id = format!("app-{}", unique());
    let redirect_uri = format!("https://{id}.example/callback");
    let settings = json!({
        "id": id, "name": format!("Application {id}"), "kind": "public", "auth_method": "none",
        "redirect_uris": [redirect_uri], "post_logout_redirect_uris": [], "scopes": ["openid"],
        "grant_types": ["authorization_code"], "first_party": true,
    });
    let call = app.post("/admin/clients").bearer(&boss.tokens.access).json(&settings);
    let _ = call.send().await.expect_status(201);
    let challenge = "A".repeat(43);
    let parameters = [
        ("response_type", "code"),
        ("client_id", id.as_str()),
        ("redirect_uri", redirect_uri.as_str()),
        ("scope", "openid"),
        ("state", "a&b"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    format!("/oauth/authorize?{}", serde_urlencoded::to_string(parameters).expect("a query"))
}

/// Checks that the answer leads to the application with a code.
#[track_caller]
fn expect_code(reply: &Reply) {
    let location = reply.header("location").unwrap_or_else(|| panic!("no redirect: {reply}"));
    assert!(location.contains(".example/callback?code="), "{reply}");
}

/// The link of a page to the authorization request.
fn link_in(page: &Reply) -> Option<String> {
    let text = page.text().replace("&#x2f;", "/").replace("&amp;", "&");
    let links = text.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    links.map(|(link, _)| link.to_owned()).find(|link| link.contains("/oauth/authorize"))
}

async fn pages_need_a_session(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let mut browser = Browser::new(&app);
    for path in [FACTORS, APP, PASSKEY, CODES] {
        assert_eq!(browser.open(path).await.expect_status(200).path, "/login", "{path}");
        let reply = browser.post(path, &[("action".to_owned(), "begin".to_owned())]).await;
        assert_eq!(reply.expect_status(200).path, "/login", "{path}");
    }
}

async fn app_is_enrolled_renamed_and_removed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    let empty = browser.open(FACTORS).await.expect_status(200);
    assert!(empty.text().contains("has no second factor"), "{empty}");
    let (secret, codes) = enrol_app(&app, &mut browser).await;
    assert_eq!(codes.len(), 10);
    let list = browser.open(FACTORS).await.expect_status(200);
    assert!(list.text().contains("My phone"), "{list}");
    assert!(list.text().contains("Recovery codes left: 10."), "{list}");
    let fields = [("name", "Old phone"), ("action", "rename")];
    let list = browser.submit(&list, FACTORS, &fields).await.expect_status(200);
    assert!(list.text().contains("Old phone") && !list.text().contains("My phone"), "{list}");
    // So far, the session has shown the password alone.
    let asked = browser.submit(&list, FACTORS, &[("action", "remove")]).await.expect_status(200);
    assert_eq!(listed(&app, &ann).await.as_array().map(Vec::len), Some(1));
    let before = browser.session().map(str::to_owned);
    let list = step_up(&app, &mut browser, &asked, &secret).await.expect_status(200);
    assert_eq!(list.path, FACTORS);
    assert_ne!(browser.session().map(str::to_owned), before);
    let empty = browser.submit(&list, FACTORS, &[("action", "remove")]).await.expect_status(200);
    assert!(empty.text().contains("has no second factor"), "{empty}");
    app.login(&ann.email).await;
}

async fn wrong_code_enrols_nothing(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    let page = begin_app(&mut browser).await;
    let secret = secret_in(&page);
    assert!(page.text().contains("class=\"qr\""), "{page}");
    let now = app.clock.now();
    let near: Vec<String> = (-3..=3).map(|n| totp_code(&secret, now + Duration::seconds(30) * n)).collect();
    let wrong = (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("a code");
    for (code, status) in [(wrong.as_str(), 403), ("12345", 422)] {
        let refused = browser.submit(&page, APP, &[("code", code)]).await.expect_status(status);
        // The secret is shown once.
        assert!(!refused.text().contains("class=\"qr\"") && !refused.text().contains(&secret), "{refused}");
        assert!(refused.text().contains("aria-describedby=\"code-hint code-error\""), "{refused}");
        assert_eq!(listed(&app, &ann).await, json!([]));
    }
    let code = totp_code(&secret, now);
    let shown = browser.submit(&page, APP, &[("code", code.as_str())]).await.expect_status(200);
    assert_eq!(codes_in(&shown).len(), 10);
    assert_eq!(listed(&app, &ann).await.as_array().map(Vec::len), Some(1));
}

async fn invalid_names_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    for path in [APP, PASSKEY] {
        let start = browser.open(path).await.expect_status(200);
        let long = "a".repeat(65);
        let refused = browser.submit(&start, path, &[("name", long.as_str())]).await.expect_status(422);
        assert!(refused.text().contains("aria-describedby=\"name-hint name-error\""), "{refused}");
    }
    enrol_app(&app, &mut browser).await;
    let list = browser.open(FACTORS).await.expect_status(200);
    let fields = [("name", "a\u{202e}b"), ("action", "rename")];
    let refused = browser.submit(&list, FACTORS, &fields).await.expect_status(422);
    assert!(refused.text().contains("aria-describedby=\"name-error\""), "{refused}");
    assert_eq!(listed(&app, &ann).await[0]["name"], "My phone");
}

/// The page whose script asks for a passkey, and the options in it.
async fn begin_passkey(browser: &mut Browser<'_>) -> (Reply, Value) {
    let start = browser.open(PASSKEY).await.expect_status(200);
    assert!(start.text().contains("<noscript>"), "{start}");
    let page = browser.submit(&start, PASSKEY, &[("name", "Laptop")]).await.expect_status(200);
    let json = between(&page, "id=\"passkey-options\">", "</script>");
    (page, serde_json::from_str(&json).expect("options"))
}

/// Sends what the script sends.
async fn send_passkey(browser: &mut Browser<'_>, page: &Reply, credential: &Value) -> Reply {
    let form = Form::find(page, PASSKEY, &[("credential", "")]);
    let json = credential.to_string();
    browser.post(&form.action, &form.filled(&[("credential", json.as_str())])).await
}

async fn passkey_is_enrolled(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    let (page, options) = begin_passkey(&mut browser).await;
    let mut device = Authenticator::new();
    let credential = device.create(&options, ORIGIN);
    let shown = send_passkey(&mut browser, &page, &credential).await.expect_status(200);
    assert_eq!(codes_in(&shown).len(), 10);
    let factors = listed(&app, &ann).await;
    assert_eq!((&factors[0]["method"], &factors[0]["name"]), (&json!("passkey"), &json!("Laptop")));
    let _ = send_passkey(&mut browser, &page, &credential).await;
    assert_eq!(listed(&app, &ann).await, factors);
    // The passkey proves the session: now it can be removed.
    let list = browser.open(FACTORS).await.expect_status(200);
    let asked = browser.submit(&list, FACTORS, &[("action", "remove")]).await.expect_status(200);
    let json = between(&asked, "id=\"passkey-options\">", "</script>");
    let options = serde_json::from_str(&json).expect("options");
    let shown = device.get(&options, ORIGIN).to_string();
    let form = Form::find(&asked, STEP_UP, &[("credential", "")]);
    let list = browser.post(&form.action, &form.filled(&[("credential", shown.as_str())])).await;
    assert_eq!(list.path, FACTORS, "{list}");
    let empty = browser.submit(&list, FACTORS, &[("action", "remove")]).await.expect_status(200);
    assert!(empty.text().contains("has no second factor"), "{empty}");
}

async fn tampered_passkey_enrols_nothing(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    let (page, options) = begin_passkey(&mut browser).await;
    let credential = Authenticator::new().create(&options, "https://evil.example");
    let _ = send_passkey(&mut browser, &page, &credential).await.expect_status(422);
    let _ = send_passkey(&mut browser, &page, &json!({ "id": "AQI" })).await.expect_status(400);
    assert_eq!(listed(&app, &ann).await, json!([]));
}

async fn old_session_steps_up_by_password(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    app.clock.advance(Duration::minutes(16));
    let start = browser.open(APP).await.expect_status(200);
    let asked = browser.submit(&start, APP, &[("name", "My phone")]).await.expect_status(200);
    let before = browser.session().map(str::to_owned);
    let refused = browser.submit(&asked, STEP_UP, &[("password", "wrong password")]).await.expect_status(403);
    assert_eq!(browser.session().map(str::to_owned), before);
    let start = browser.submit(&refused, STEP_UP, &[("password", PASSWORD)]).await.expect_status(200);
    assert_eq!(start.path, APP);
    assert_ne!(browser.session().map(str::to_owned), before);
    enrol_app(&app, &mut browser).await;
    // From now on, a password does not suffice.
    app.clock.advance(Duration::minutes(16));
    let page = browser.open(CODES).await.expect_status(200);
    let asked = browser.submit(&page, CODES, &[]).await.expect_status(200);
    assert!(Form::all(&asked).iter().all(|form| form.field_of("password").is_none()), "{asked}");
}

async fn recovery_codes_are_replaced(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    // Without a factor, there are no codes.
    assert_eq!(browser.open(CODES).await.expect_status(200).path, FACTORS);
    let (secret, old) = enrol_app(&app, &mut browser).await;
    let page = browser.open(CODES).await.expect_status(200);
    let asked = browser.submit(&page, CODES, &[]).await.expect_status(200);
    let page = step_up(&app, &mut browser, &asked, &secret).await.expect_status(200);
    assert_eq!(page.path, CODES);
    let shown = browser.submit(&page, CODES, &[]).await.expect_status(200);
    let new = codes_in(&shown);
    assert_eq!(new.len(), 10);
    let step = app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "second-factor-required");
    for (code, status) in [(&old[0], 401), (&new[0], 200)] {
        let body = json!({ "challenge": step["challenge"], "method": "recovery_code", "code": code });
        let _ = app.post("/auth/login/factor").json(&body).send().await.expect_status(status);
    }
}

async fn forms_of_other_sessions_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let (mut anns, mut bobs) = (signed_in(&app, &ann).await, signed_in(&app, &bob).await);
    let start = bobs.open(APP).await.expect_status(200);
    let foreign = Form::find(&start, APP, &[("name", "a")]).filled(&[("name", "a")]);
    let _ = anns.post(APP, &foreign).await.expect_status(400);
    let start = anns.open(APP).await.expect_status(200);
    let own = Form::find(&start, APP, &[("name", "a")]).filled(&[("name", "a")]);
    let _ = anns.post_from("https://evil.example", APP, &own).await.expect_status(403);
    let none: Vec<_> = own.iter().filter(|(name, _)| name != "token").cloned().collect();
    let _ = anns.post(APP, &none).await.expect_status(400);
    let _ = anns.post(APP, &own).await.expect_status(200);
}

async fn get_changes_nothing(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    for path in [FACTORS, APP, PASSKEY, CODES] {
        let page = browser.open(&format!("{path}?action=begin&name=a")).await.expect_status(200);
        assert!(
            !page.text().contains("id=\"passkey-options\"") && !page.text().contains("id=\"secret\""),
            "{page}"
        );
    }
    assert_eq!(listed(&app, &ann).await, json!([]));
}

async fn required_factor_is_enrolled_first(store: Arc<dyn Store>) {
    let app = strict(store);
    let ann = app.user_fixture().await;
    let mut browser = signed_in(&app, &ann).await;
    let page = browser.open("/account/grants").await.expect_status(200);
    assert_eq!(page.path, FACTORS);
    let (secret, _) = enrol_app(&app, &mut browser).await;
    // The session still shows the password alone.
    let list = browser.open(FACTORS).await.expect_status(200);
    assert!(Form::all(&list).iter().all(|form| form.value("id").is_none()), "{list}");
    assert_eq!(browser.open(CODES).await.expect_status(200).path, FACTORS);
    let asked = browser.submit(&list, FACTORS, &[("action", "confirm")]).await.expect_status(200);
    let list = step_up(&app, &mut browser, &asked, &secret).await.expect_status(200);
    assert_eq!(list.path, FACTORS);
    let refused = browser.submit(&list, FACTORS, &[("action", "remove")]).await.expect_status(409);
    assert!(refused.text().contains("My phone"), "{refused}");
    assert_eq!(browser.open("/account/grants").await.expect_status(200).path, "/account/grants");
}

async fn request_goes_on_after_the_enrolment(store: Arc<dyn Store>) {
    let request = request_of_application(&TestApp::over(Arc::clone(&store))).await;
    let app = strict(store);
    let ann = app.user_fixture().await;
    let mut browser = Browser::new(&app);
    let login = browser.open(&request).await.expect_status(200);
    let fields = [("email", ann.email.as_str()), ("password", PASSWORD)];
    let page = browser.submit(&login, "/login", &fields).await.expect_status(200);
    let start = browser.submit(&page, APP, &[("action", "show")]).await.expect_status(200);
    let page = browser.submit(&start, APP, &[("name", "My phone")]).await.expect_status(200);
    let secret = secret_in(&page);
    let code = totp_code(&secret, app.clock.now());
    let shown = browser.submit(&page, APP, &[("code", code.as_str())]).await.expect_status(200);
    assert_eq!(codes_in(&shown).len(), 10);
    assert!(shown.text().contains("Continue to Application app-"), "{shown}");
    let asked = browser.submit(&shown, "/login", &[("action", "continue")]).await.expect_status(200);
    expect_code(&step_up(&app, &mut browser, &asked, &secret).await);
}

async fn reset_leads_back_to_the_application(store: Arc<dyn Store>) {
    const CHOSEN: &str = "correct horse battery";
    let app = TestApp::with_mail(store, |_| ());
    let request = request_of_application(&app).await;
    let ann = app.user_fixture().await;
    let mut browser = Browser::new(&app);
    let _ = browser.open(&request).await.expect_status(200);
    let page = browser.open("/account/forgot").await.expect_status(200);
    let _ =
        browser.submit(&page, "/account/forgot", &[("email", ann.email.as_str())]).await.expect_status(200);
    let letters = app.letters_to(&ann.email).await;
    let letter = letters.iter().rev().find(|letter| kind_in(letter) == "password_reset").expect("a letter");
    let path = format!("/account/reset?t={}", token_in(letter).expect("a link"));
    let page = browser.open(&path).await.expect_status(200);
    let done = browser.submit(&page, "/account/reset", &[("password", CHOSEN)]).await.expect_status(200);
    let link = link_in(&done).unwrap_or_else(|| panic!("no link: {done}"));
    assert!(link.starts_with("/oauth/authorize?"), "{link}");
    let login = browser.open(&link).await.expect_status(200);
    let fields = [("email", ann.email.as_str()), ("password", CHOSEN)];
    expect_code(&browser.submit(&login, "/login", &fields).await);
    // The request is done.
    assert!(browser.cookie(RETURN_COOKIE).is_none());
}

async fn login_page_leads_back_to_the_application(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let request = request_of_application(&app).await;
    let mut browser = Browser::new(&app);
    assert_eq!(link_in(&browser.open("/login").await.expect_status(200)), None);
    let _ = browser.open(&request).await.expect_status(200);
    let login = browser.open("/login").await.expect_status(200);
    assert_eq!(link_in(&login).as_deref(), Some(request.as_str()), "{login}");
    // Whatever is in the cookie, the link stays within the service.
    for query in ["aHR0cHM6Ly9ldmlsLmV4YW1wbGUv", "Ly9ldmlsLmV4YW1wbGU", "not base64", ""] {
        browser.set_cookie(RETURN_COOKIE, query);
        assert_eq!(link_in(&browser.open("/login").await.expect_status(200)), None, "{query}");
    }
    // A long request is not kept.
    let mut browser = Browser::new(&app);
    let _ = browser.open(&format!("{request}&login_hint={}", "a".repeat(2_300))).await.expect_status(200);
    assert!(browser.cookie(RETURN_COOKIE).is_none());
}
