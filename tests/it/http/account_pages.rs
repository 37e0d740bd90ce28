//! The pages to which letters link.

use std::sync::Arc;

use inwren_app::letters;
use inwren_domain::account::EmailVerification;
use inwren_domain::kernel::PlainToken;
use inwren_domain::outbox::{Content, Delivery, LetterWriter as _, deliver};
use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, PASSWORD, Reply, TestApp};
use inwren_tests::fakes::{kind_in, token_in};
use inwren_tests::fixtures::fresh_email;
use serde_json::json;

stories! {
    looking_at_a_link_changes_nothing
    registration_is_completed_with_a_chosen_password
    registration_of_another_person_is_discarded
    existing_user_verifies_with_the_password
    password_is_reset_without_script
    change_of_address_is_confirmed_and_undone
    invitation_is_accepted
    links_that_do_nothing_say_so
    forms_of_other_sites_are_refused
    pages_run_nothing_and_are_never_stored
    language_follows_the_browser
    forms_share_the_limits_of_the_operations
    forwarding_headers_change_no_letter
    letters_are_not_shown_by_default
}

const NEW_PASSWORD: &str = "correct horse battery";
const PATHS: [&str; 5] =
    ["/account/verify", "/account/reset", "/account/email", "/account/undo", "/account/invite"];

fn verifying(store: Arc<dyn Store>, mode: EmailVerification) -> TestApp {
    TestApp::with_mail(store, |config| config.rules.email_verification = mode)
}

/// The token of the newest letter of this kind to the address.
async fn newest_token(app: &TestApp, address: &str, kind: &str) -> String {
    let letters = app.letters_to(address).await;
    let letter = letters.iter().rev().find(|letter| kind_in(letter) == kind);
    token_in(letter.unwrap_or_else(|| panic!("no {kind} in {letters:?}"))).unwrap().to_owned()
}

/// Registers, and returns the address and the token of the letter.
async fn registered(app: &TestApp) -> (String, String) {
    let address = fresh_email().as_str().to_owned();
    let body = json!({ "email": address, "password": PASSWORD });
    let status = app.post("/auth/register").json(&body).send().await.status;
    assert!([201, 202].contains(&status), "{status}");
    let token = newest_token(app, &address, "email_verification").await;
    (address, token)
}

async fn open(app: &TestApp, path: &str, token: &str) -> Reply {
    app.get(&format!("{path}?t={token}")).send().await
}

async fn submit(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Reply {
    app.post(path).header("origin", "null").header("sec-fetch-site", "same-origin").form(fields).send().await
}

async fn looking_at_a_link_changes_nothing(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    let (address, token) = registered(&app).await;
    for _ in 0..3 {
        let page = open(&app, "/account/verify", &token).await.expect_status(200);
        assert!(page.text().contains(&address) && page.text().contains("192.0.2.1"), "{page}");
        let head = app.call("HEAD", &format!("/account/verify?t={token}")).send().await.expect_status(200);
        assert!(head.body.is_empty());
    }
    let _ = submit(&app, "/account/verify", &[("t", &token), ("password", NEW_PASSWORD)])
        .await
        .expect_status(200);
}

async fn registration_is_completed_with_a_chosen_password(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    let (address, token) = registered(&app).await;
    let none = submit(&app, "/account/verify", &[("t", &token)]).await.expect_status(422);
    assert!(none.text().contains("Enter a password."), "{none}");
    let fields = [("t", token.as_str()), ("password", NEW_PASSWORD)];
    let done = submit(&app, "/account/verify", &fields).await.expect_status(200);
    assert!(done.text().contains("is confirmed") && !done.text().contains("<form"), "{done}");
    let _ = app.try_login(&address, PASSWORD).await.expect_status(401);
    let _ = app.try_login(&address, NEW_PASSWORD).await.expect_status(200);
    let _ = submit(&app, "/account/verify", &fields).await.expect_status(400);
}

async fn registration_of_another_person_is_discarded(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    let (_, token) = registered(&app).await;
    let page = open(&app, "/account/verify", &token).await.expect_status(200);
    assert!(page.text().contains("This was not me"), "{page}");
    let fields = [("t", token.as_str()), ("action", "discard")];
    let done = submit(&app, "/account/verify", &fields).await.expect_status(200);
    assert!(done.text().contains("is discarded"), "{done}");
    let _ = open(&app, "/account/verify", &token).await.expect_status(400);
}

async fn existing_user_verifies_with_the_password(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Optional);
    let (_, token) = registered(&app).await;
    let page = open(&app, "/account/verify", &token).await.expect_status(200);
    assert!(page.text().contains("current-password"), "{page}");
    let wrong = submit(&app, "/account/verify", &[("t", &token), ("password", "wrong guess")]).await;
    assert!(wrong.expect_status(403).text().contains("The password is wrong."));
    let _ =
        submit(&app, "/account/verify", &[("t", &token), ("password", PASSWORD)]).await.expect_status(200);
}

async fn password_is_reset_without_script(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Off);
    let ann = app.user_fixture().await;
    let _ = open(&app, "/account/forgot", "").await.expect_status(200);
    let answers = [
        submit(&app, "/account/forgot", &[("email", &ann.email)]).await.expect_status(200),
        submit(&app, "/account/forgot", &[("email", "unknown@example.org")]).await.expect_status(200),
    ];
    assert_eq!(answers[0].text(), answers[1].text());
    let wrong = submit(&app, "/account/forgot", &[("email", "no address")]).await.expect_status(422);
    assert!(wrong.text().contains("aria-describedby=\"email-error\""), "{wrong}");
    assert!(wrong.text().contains("value=\"no address\""), "{wrong}");
    let token = newest_token(&app, &ann.email, "password_reset").await;
    let weak =
        submit(&app, "/account/reset", &[("t", &token), ("password", "short")]).await.expect_status(422);
    assert!(weak.text().contains("aria-describedby=\"password-hint password-error\""), "{weak}");
    assert!(weak.text().contains("Enter at least 8 characters."), "{weak}");
    let fields = [("t", token.as_str()), ("password", NEW_PASSWORD)];
    let _ = submit(&app, "/account/reset", &fields).await.expect_status(200);
    let _ = app.try_refresh(&ann.tokens.refresh).await.expect_status(401);
    let _ = app.try_login(&ann.email, NEW_PASSWORD).await.expect_status(200);
    let used = submit(&app, "/account/reset", &fields).await.expect_status(400);
    assert!(used.text().contains("account&#x2f;forgot\""), "{used}");
}

async fn change_of_address_is_confirmed_and_undone(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Optional);
    let ann = app.user_fixture().await;
    let new = fresh_email().as_str().to_owned();
    let body = json!({ "email": new });
    let _ =
        app.put("/users/me").bearer(&ann.tokens.access).json(&body).send().await.expect_status(202).json();
    let confirm = newest_token(&app, &new, "email_change").await;
    let undo = newest_token(&app, &ann.email, "email_undo").await;
    let page = open(&app, "/account/email", &confirm).await.expect_status(200);
    assert!(page.text().contains(&new), "{page}");
    let _ = submit(&app, "/account/email", &[("t", &confirm)]).await.expect_status(200);
    let _ = app.try_login(&new, PASSWORD).await.expect_status(200);
    let page = open(&app, "/account/undo", &undo).await.expect_status(200);
    assert!(page.text().contains(&ann.email), "{page}");
    let _ = submit(&app, "/account/undo", &[("t", &undo)]).await.expect_status(200);
    let _ = app.try_login(&new, PASSWORD).await.expect_status(401);
    let reset = newest_token(&app, &ann.email, "password_reset").await;
    let fields = [("t", reset.as_str()), ("password", NEW_PASSWORD)];
    let _ = submit(&app, "/account/reset", &fields).await.expect_status(200);
    let _ = app.try_login(&ann.email, NEW_PASSWORD).await.expect_status(200);
}

async fn invitation_is_accepted(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Off);
    let root = app.superuser().await;
    let address = fresh_email().as_str().to_owned();
    let body = json!({ "email": address });
    let _ = app
        .post("/admin/users")
        .bearer(&root.tokens.access)
        .json(&body)
        .send()
        .await
        .expect_status(201)
        .json();
    let token = newest_token(&app, &address, "invitation").await;
    let _ = open(&app, "/account/invite", &token).await.expect_status(200);
    let fields = [("t", token.as_str()), ("password", NEW_PASSWORD)];
    let _ = submit(&app, "/account/invite", &fields).await.expect_status(200);
    let _ = app.try_login(&address, NEW_PASSWORD).await.expect_status(200);
}

async fn links_that_do_nothing_say_so(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    let (_, of_another_purpose) = registered(&app).await;
    for path in PATHS {
        for token in ["", "rubbish", &"A".repeat(70), &of_another_purpose, "%3Cscript%3E"] {
            if path == "/account/verify" && token == of_another_purpose {
                continue;
            }
            let page = open(&app, path, token).await.expect_status(400);
            assert!(page.text().contains("This link does not work"), "{page}");
            assert!(!page.text().contains("script") && !page.text().contains("<form"), "{page}");
            let fields = [("t", token), ("password", NEW_PASSWORD)];
            let page = submit(&app, path, &fields).await.expect_status(400);
            assert!(page.text().contains("This link does not work"), "{page}");
        }
    }
}

async fn forms_of_other_sites_are_refused(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    let (_, token) = registered(&app).await;
    let fields = [("t", token.as_str()), ("password", NEW_PASSWORD)];
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("origin", "http://issuer.example.org")],
    ] {
        let call = app.post("/account/verify").form(&fields);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let _ = call.send().await.expect_status(403);
    }
    let _ =
        app.post("/account/verify").header("origin", ISSUER).form(&fields).send().await.expect_status(200);
}

async fn pages_run_nothing_and_are_never_stored(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    let (_, token) = registered(&app).await;
    for page in [
        open(&app, "/account/verify", &token).await.expect_status(200),
        open(&app, "/account/verify", "").await.expect_status(400),
        open(&app, "/account/forgot", "").await.expect_status(200),
    ] {
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self'") && policy.contains("style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-robots-tag"), Some("noindex"));
        for part in ["<script", "http:", "https:", "@import", "url(", " style="] {
            assert!(!page.text().contains(part), "{part} is in {page}");
        }
    }
}

async fn language_follows_the_browser(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Off);
    for (accepted, language, title) in [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Setzen Sie Ihr Passwort zurück"),
        ("en-GB", "en", "Reset your password"),
        ("fr", "en", "Reset your password"),
    ] {
        let page = app.get("/account/forgot").header("accept-language", accepted).send().await;
        assert_eq!(page.header("content-language"), Some(language));
        assert!(page.text().contains(&format!("<html lang=\"{language}\">")), "{page}");
        assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{page}");
    }
}

async fn forms_share_the_limits_of_the_operations(store: Arc<dyn Store>) {
    let app = TestApp::with_mail(store, |config| config.limits.enabled = true);
    for _ in 0..10 {
        let _ = submit(&app, "/account/reset", &[("t", "x"), ("password", NEW_PASSWORD)])
            .await
            .expect_status(400);
    }
    let page =
        submit(&app, "/account/reset", &[("t", "x"), ("password", NEW_PASSWORD)]).await.expect_status(429);
    assert!(page.text().contains("Too many attempts") && page.header("retry-after").is_some(), "{page}");
    let body = json!({ "token": "x", "new_password": NEW_PASSWORD });
    app.post("/auth/password/reset").json(&body).send().await.expect_problem(429, "rate-limited");
    let _ = open(&app, "/account/reset", "x").await.expect_status(400);
}

async fn forwarding_headers_change_no_letter(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Off);
    let ann = app.user_fixture().await;
    let writer = letters::writer(ISSUER, "Tests", None).unwrap();
    let content = Content::Link(PlainToken::new("token".to_owned()));
    let mut texts = Vec::new();
    for (name, value) in [
        ("x-harmless", "1"),
        ("host", "evil.example"),
        ("host", "evil.example:8443"),
        ("host", ISSUER),
        ("forwarded", "host=evil.example;proto=http"),
        ("forwarded", "for=203.0.113.1;host=\"evil.example\""),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-host", "evil.example, issuer.example.org"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-server", "evil.example"),
        ("x-original-url", "https://evil.example/"),
    ] {
        let body = json!({ "email": ann.email });
        let call = app.post("/auth/password/forgot").header(name, value).json(&body);
        let _ = call.over_anything().send().await.expect_status(202);
        let letters = deliver::claim(&app.state.core, Delivery::Letters).await.unwrap();
        let letter = letters.iter().find(|letter| letter.recipient.as_str() == ann.email).unwrap();
        let message = writer.write(letter, &content).unwrap();
        texts.push((message.subject, message.text, message.html, message.language));
    }
    assert_eq!(texts.len(), 13);
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

async fn letters_are_not_shown_by_default(store: Arc<dyn Store>) {
    let app = verifying(store, EmailVerification::Required);
    registered(&app).await;
    for path in ["/dev/letters", "/dev/letters/1"] {
        app.get(path).send().await.expect_problem(404, "not-found");
    }
}

#[test]
fn no_letter_code_sees_a_request() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../app/src/letters");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let code = std::fs::read_to_string(&path).unwrap();
            for part in ["poem", "crate::http", "hyper", "HeaderMap"] {
                assert!(!code.contains(part), "{part} is in {}", path.display());
            }
            files += 1;
        }
    }
    assert!(files >= 5, "{files}");
}
