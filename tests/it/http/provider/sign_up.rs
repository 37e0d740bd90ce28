//! Registration and recovery from the login page, which return to the application in the end.

use std::sync::Arc;

use inwren_domain::account::{EmailVerification, RegistrationMode};
use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, PASSWORD, Reply, TestApp};
use inwren_tests::fakes::{kind_in, token_in};
use inwren_tests::fixtures::fresh_email;
use serde_json::json;

use super::{World, authorize, create_client, enter_password, exchange, granted, world};

stories! {
    registration_returns_to_the_application
    taken_address_shows_the_form_again
    weak_password_shows_the_form_again
    proven_address_returns_to_the_application
    reset_password_returns_to_the_application
    closed_registration_shows_no_form
    registration_of_another_site_is_refused
}

/// A password that a test sets.
const CHOSEN: &str = "even more secure 456";

/// Opens the registration from the login page.
async fn open_registration(browser: &mut Browser<'_>, login: &Reply) -> Reply {
    browser.submit(login, "/register", &[("action", "show")]).await.expect_status(200)
}

async fn register(browser: &mut Browser<'_>, page: &Reply, email: &str, password: &str) -> Reply {
    browser.submit(page, "/register", &[("email", email), ("password", password)]).await
}

async fn registration_returns_to_the_application(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let request = client.request().with("scope", "openid email");
    let login = authorize(&mut browser, &request).await.page();
    let page = open_registration(&mut browser, &login).await;
    let email = fresh_email().as_str().to_owned();
    let code = request.outcome(register(&mut browser, &page, &email, CHOSEN).await).code();
    let tokens = granted(exchange(app, &request, &code).await);
    let claims = super::userinfo(app, &tokens.access).await.expect_status(200).json();
    assert_eq!(claims["email"], json!(email));
}

async fn taken_address_shows_the_form_again(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let login = authorize(&mut browser, &request).await.page();
    let page = open_registration(&mut browser, &login).await;
    let page = register(&mut browser, &page, &ann.email, CHOSEN).await.expect_status(409);
    assert!(browser.session().is_none());
    let login = browser.submit(&page, "/login", &[("action", "other")]).await.expect_status(200);
    request.outcome(enter_password(&mut browser, &login, &ann.email, PASSWORD).await).code();
}

async fn weak_password_shows_the_form_again(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let login = authorize(&mut browser, &request).await.page();
    let page = open_registration(&mut browser, &login).await;
    let email = fresh_email().as_str().to_owned();
    let page = register(&mut browser, &page, &email, "short").await.expect_status(422);
    assert_eq!(Form::find(&page, "/register", &[]).value("email"), Some(email.as_str()));
    assert!(!page.text().contains("short\""), "{page}");
    request.outcome(register(&mut browser, &page, &email, CHOSEN).await).code();
}

/// The service with mail.
async fn with_mail(store: Arc<dyn Store>, mode: EmailVerification) -> World {
    let app = TestApp::with_mail(store, |config| config.rules.email_verification = mode);
    let boss = app.superuser().await;
    let client = create_client(&app, &boss, json!({})).await;
    World { app, ann: boss.clone(), boss, client }
}

/// The token of the newest letter of this kind to the address.
pub(super) async fn newest_token(app: &TestApp, address: &str, kind: &str) -> String {
    let letters = app.letters_to(address).await;
    let letter = letters.iter().rev().find(|letter| kind_in(letter) == kind);
    token_in(letter.unwrap_or_else(|| panic!("no {kind} in {letters:?}"))).expect("a token").to_owned()
}

/// Follows the link of a letter in another browser, and sets the password there.
async fn follow_link(app: &TestApp, path: &str, token: &str) {
    let mut browser = Browser::new(app);
    let page = browser.open(&format!("{path}?t={token}")).await.expect_status(200);
    let _ = browser.submit(&page, path, &[("password", CHOSEN)]).await.expect_status(200);
}

async fn proven_address_returns_to_the_application(store: Arc<dyn Store>) {
    let World { app, client, .. } = &with_mail(store, EmailVerification::Required).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let login = authorize(&mut browser, &request).await.page();
    let page = open_registration(&mut browser, &login).await;
    let email = fresh_email().as_str().to_owned();
    let page = register(&mut browser, &page, &email, PASSWORD).await.expect_status(200);
    assert!(browser.session().is_none());
    follow_link(app, "/account/verify", &newest_token(app, &email, "email_verification").await).await;
    let login = browser.submit(&page, "/login", &[("action", "other")]).await.expect_status(200);
    request.outcome(enter_password(&mut browser, &login, &email, CHOSEN).await).code();
}

async fn reset_password_returns_to_the_application(store: Arc<dyn Store>) {
    let World { app, boss, client, .. } = &with_mail(store, EmailVerification::Off).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let login = authorize(&mut browser, &request).await.page();
    assert!(login.text().contains("account&#x2f;forgot\""), "{login}");
    let page = browser.open("/account/forgot").await.expect_status(200);
    let _ = browser.submit(&page, "/account/forgot", &[("email", &boss.email)]).await.expect_status(200);
    follow_link(app, "/account/reset", &newest_token(app, &boss.email, "password_reset").await).await;
    // The reset starts no session.
    assert!(browser.session().is_none());
    request.outcome(enter_password(&mut browser, &login, &boss.email, CHOSEN).await).code();
}

async fn closed_registration_shows_no_form(store: Arc<dyn Store>) {
    for mode in [RegistrationMode::Closed, RegistrationMode::Invited] {
        let app = TestApp::configured(store.clone(), |config| config.rules.registration = mode);
        let boss = app.superuser().await;
        let client = create_client(&app, &boss, json!({})).await;
        let mut browser = Browser::new(&app);
        let login = authorize(&mut browser, &client.request()).await.page();
        assert!(!Form::all(&login).iter().any(|form| form.leads_to("/register")), "{login}");
        let page = browser.open("/register").await.expect_status(200);
        assert_eq!(page.path, "/login");
        let interaction = super::login_form(&page).value("interaction").expect("a value").to_owned();
        let fields =
            [("interaction", interaction.as_str()), ("email", "a@example.org"), ("password", CHOSEN)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        browser.post("/register", &fields).await;
        let _ = app.try_login("a@example.org", CHOSEN).await.expect_status(401);
    }
}

async fn registration_of_another_site_is_refused(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let login = authorize(&mut browser, &client.request()).await.page();
    let page = open_registration(&mut browser, &login).await;
    let email = fresh_email().as_str().to_owned();
    let fields = [("email", email.as_str()), ("password", CHOSEN)];
    let fields = Form::find(&page, "/register", &fields).filled(&fields);
    assert_eq!(browser.post_from("https://evil.example", "/register", &fields).await.status, 403);
    let reply = Browser::new(app).post("/register", &fields).await;
    assert_eq!(reply.status, 400, "{reply}");
    let _ = app.try_login(&email, CHOSEN).await.expect_status(401);
}
