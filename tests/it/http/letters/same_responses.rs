//! Requests for letters get the same response for all addresses.

use std::sync::Arc;

use inwren_domain::account::EmailVerification::{Optional, Required};
use inwren_domain::outbox::MailError;
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp};
use inwren_tests::fixtures::{fresh_email, unique};
use serde_json::{Value, json};

use super::{app, forgot, link, outbox, verify};

stories! {
    requests_for_letters_reveal_no_account
    registrations_reveal_no_account
    refused_requests_reveal_no_account
    request_headers_change_no_letter
}

/// The headers of a response, in order, without those that differ in each response.
fn headers(reply: &Reply) -> Vec<(String, String)> {
    let text = |(name, value): (&poem::http::HeaderName, &poem::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    reply.headers.iter().map(text).filter(|(name, _)| name != "x-request-id").collect()
}

/// Checks that both responses have the same status, headers and length, and JSON of the same shape.
#[track_caller]
pub(super) fn expect_same(one: &Reply, other: &Reply) {
    assert_eq!(one.status, other.status, "{one} {other}");
    assert_eq!(headers(one), headers(other), "{one} {other}");
    assert_eq!(one.body.len(), other.body.len(), "{one} {other}");
    if !one.body.is_empty() {
        let names = |body: &Value| body.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&one.json()), names(&other.json()));
    }
}

/// Addresses of all kinds: unknown, unverified, verified, inactive and undeliverable.
async fn addresses(app: &TestApp) -> Vec<(&'static str, String)> {
    let mut all = vec![("unknown", format!("nobody-{}@example.org", unique()))];
    for kind in ["unverified", "verified", "inactive", "undeliverable"] {
        let account = app.user_fixture().await;
        match kind {
            "verified" => {
                let token = link(app, &account.email, "email_verification").await;
                verify(app, json!({ "token": token, "password": PASSWORD })).await.expect_status(200).json();
            }
            "inactive" => {
                app.delete("/users/me").bearer(&account.tokens.access).send().await.expect_done();
            }
            "undeliverable" => {
                app.deliver_letters().await;
                forgot(app, &account.email).await;
                app.mail.fail(MailError::Rejected("550 no such mailbox".to_owned()));
                app.deliver_letters().await;
            }
            _ => {}
        }
        all.push((kind, account.email));
    }
    app.deliver_letters().await;
    all
}

/// Sends the same request for each address, and checks that the responses and the work in the outbox are the same.
async fn compare(app: &TestApp, path: &str, addresses: &[(&str, String)], body: impl Fn(&str) -> Value) {
    let mut first: Option<Reply> = None;
    for (kind, address) in addresses {
        let before = outbox(app).await.len();
        let reply = app.post(path).json(&body(address)).send().await.expect_status(202);
        assert_eq!(outbox(app).await.len(), before + 1, "{path} {kind}");
        let first = first.get_or_insert_with(|| reply.clone());
        expect_same(first, &reply);
    }
}

async fn requests_for_letters_reveal_no_account(store: Arc<dyn Store>) {
    let app = app(store, Optional);
    let addresses = addresses(&app).await;
    for path in ["/auth/password/forgot", "/auth/verify-email/resend"] {
        compare(&app, path, &addresses, |address| json!({ "email": address })).await;
    }
}

async fn registrations_reveal_no_account(store: Arc<dyn Store>) {
    let addresses = addresses(&app(store.clone(), Optional)).await;
    let app = app(store, Required);
    let body = |address: &str| json!({ "email": address, "password": PASSWORD });
    compare(&app, "/auth/register", &addresses, body).await;
    // The second time, each address also has a pending registration.
    compare(&app, "/auth/register", &addresses, body).await;
}

async fn refused_requests_reveal_no_account(store: Arc<dyn Store>) {
    let addresses = addresses(&app(store.clone(), Optional)).await;
    let app = app(store, Required);
    let mut first: Option<Reply> = None;
    for (_, address) in &addresses {
        let body = json!({ "email": address, "password": "password" });
        let reply = app.post("/auth/register").json(&body).send().await;
        reply.expect_invalid(&["/password"]);
        let first = first.get_or_insert_with(|| reply.clone());
        expect_same(first, &reply);
    }
    assert!(outbox(&app).await.iter().all(|letter| !letter.state.is_waiting()));
}

async fn request_headers_change_no_letter(store: Arc<dyn Store>) {
    let app = TestApp::with_mail(store, |config| {
        config.rules.email_verification = Required;
        config.trusted_proxies = vec!["192.0.2.0/24".parse::<ipnet::IpNet>().unwrap()];
    });
    let evil = "evil.example";
    let variants = [
        ("host", evil),
        ("host", "auth.example.org@evil.example"),
        ("host", "evil.example:443"),
        ("forwarded", "for=192.0.2.60;proto=http;host=evil.example"),
        ("forwarded", "host=\"evil.example\""),
        ("x-forwarded-host", evil),
        ("x-forwarded-server", evil),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-port", "31337"),
        ("x-forwarded-prefix", "//evil.example"),
        ("x-original-url", "https://evil.example/"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
    ];
    for (name, value) in variants {
        let address = fresh_email().as_str().to_owned();
        let body = json!({ "email": address, "password": PASSWORD });
        let call = app.post("/auth/register").header(name, value).json(&body);
        call.send().await.expect_status(202).json();
        let stored = outbox(&app).await;
        assert!(!format!("{:?}", stored[0]).contains("evil"), "{name}: {:?}", stored[0]);
        let letters = app.letters_to(&address).await;
        let [letter] = &letters[..] else { panic!("{name}: {letters:?}") };
        assert!(!format!("{letter:?}").contains("evil"), "{name}: {letter:?}");
    }
}
