//! Logging in with a password.

use std::sync::Arc;

use inwren_domain::account::{Updated, UserChange};
use inwren_domain::credential::{Password, set_password};
use inwren_domain::kernel::{Clock as _, Email, UserId};
use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, Account, ISSUER, PASSWORD, TestApp, forge, key};
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

stories! {
    a_login_gives_a_pair_of_tokens
    tokens_say_what_they_should
    every_refused_login_is_answered_in_the_same_way
    a_login_takes_any_text_as_a_password
    a_login_needs_an_address
    accounts_of_earlier_releases_can_log_in
    two_accounts_of_one_mailbox_stay_apart
    every_login_opens_a_session_of_its_own
    lifetimes_are_configured
    passwords_do_not_expire
}

async fn a_login_gives_a_pair_of_tokens(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.register("ann@example.org").await;
    let reply = app.try_login("ann@example.org", PASSWORD).await.expect_status(200);
    let body = reply.json();
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 1800);
    assert_eq!(body.as_object().unwrap().len(), 4);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    app.me(&reply.tokens().access).await.expect_status(200).json();
    app.refresh(&reply.tokens().refresh).await;
}

async fn tokens_say_what_they_should(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let now = app.clock_seconds();
    let (header, access) = forge::open(&ann.tokens.access);
    assert_eq!(header, json!({ "alg": "RS256", "kid": key().public().id(), "typ": "at+jwt" }));
    let session = access["sid"].as_str().unwrap();
    assert_eq!(
        access,
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": ann.id, "iat": now, "exp": now + 30 * 60, "auth_time": now,
            "acr": "aal1", "amr": ["pwd"], "jti": access["jti"], "sid": session, "type": "access",
            "email": ann.email, "email_verified": false, "tier": "free", "is_superuser": false,
            "client_id": "inwren",
        })
    );
    let (header, refresh) = forge::open(&ann.tokens.refresh);
    assert_eq!(header, json!({ "alg": "RS256", "kid": key().public().id(), "typ": "rt+jwt" }));
    assert_eq!(
        refresh,
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": ann.id, "iat": now, "exp": now + 7 * 86_400,
            "jti": refresh["jti"], "sid": session, "type": "refresh", "client_id": "inwren",
        })
    );
    let random = |claims: &Value| claims["jti"].as_str().unwrap().rsplit('.').next().unwrap().len();
    assert!(random(&refresh) >= 43 && random(&access) >= 22, "{access} {refresh}");
    let admin = app.superuser().await;
    assert_eq!(forge::open(&admin.tokens.access).1["is_superuser"], true);
}

async fn every_refused_login_is_answered_in_the_same_way(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, gone) = (app.user_fixture().await, app.user_fixture().await);
    app.delete("/users/me").bearer(&gone.tokens.access).send().await.expect_done();
    let tries = [
        ("nobody@example.org", PASSWORD),
        (&ann.email, "another password"),
        (&gone.email, PASSWORD),
        (&gone.email, "another password"),
    ];
    let mut answers = Vec::new();
    for (email, password) in tries {
        let reply = app.try_login(email, password).await;
        let mut body = reply.expect_problem(401, "invalid-credentials");
        body["request_id"] = Value::Null;
        let mut headers = reply.headers.clone();
        headers.remove("x-request-id");
        answers.push((body, headers));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

async fn a_login_takes_any_text_as_a_password(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.register("ann@example.org").await;
    for password in ["", "x", "password", "\u{0}", &"x".repeat(20_000)] {
        app.try_login("ann@example.org", password).await.expect_problem(401, "invalid-credentials");
    }
}

async fn a_login_needs_an_address(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for email in ["", "ann", "ann@", "ann\u{0}@example.org"] {
        app.try_login(email, PASSWORD).await.expect_invalid(&["/email"]);
    }
}

/// Stores the address of an account in the form that an earlier release used.
async fn store_as_before(app: &TestApp, account: &Account, address: &str, normalized: &str) {
    let email = Email::from_stored(address.to_owned(), normalized.to_owned());
    let change = UserChange { email: Some(email), ..UserChange::default() };
    let id = UserId::from_uuid(Uuid::parse_str(&account.id).unwrap());
    let mut unit = app.state.core.store.begin().await.unwrap();
    let updated = unit.users().update(id, &change, app.clock.now()).await.unwrap();
    assert!(matches!(updated, Updated::Updated(_)), "{updated:?}");
    unit.commit().await.unwrap();
}

/// Users whose addresses are invalid today can still log in.
async fn accounts_of_earlier_releases_can_log_in(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for (address, normalized) in [
        ("A\u{34f}nn@Example.org", "a\u{34f}nn@example.org"),
        ("\u{3164}@Bücher.example", "\u{3164}@xn--bcher-kva.example"),
        ("ann@XN--A.example", "ann@xn--a.example"),
        ("ann@A\u{5d0}.example", "ann@a\u{5d0}.example"),
    ] {
        let account = app.user_fixture().await;
        store_as_before(&app, &account, address, normalized).await;
        for typed in [address, normalized] {
            let tokens = app.login(typed).await;
            let me = app.me(&tokens.access).await.expect_status(200).json();
            assert_eq!((&me["id"], &me["email"]), (&json!(account.id), &json!(address)));
        }
        let body = json!({ "email": address, "password": PASSWORD });
        app.post("/auth/register").json(&body).send().await.expect_invalid(&["/email"]);
        // The account is listed, and an administrator can change its address.
        let users =
            app.get("/admin/users").bearer(&admin.tokens.access).send().await.expect_status(200).json();
        assert!(users["items"].as_array().unwrap().iter().any(|user| user["email"] == address), "{users}");
        let new = format!("new-{}", account.email);
        let call = app.put(&format!("/admin/users/{}", account.id)).bearer(&admin.tokens.access);
        call.json(&json!({ "email": new })).send().await.expect_status(200).json();
        app.login(&new).await;
        app.try_login(address, PASSWORD).await.expect_problem(401, "invalid-credentials");
    }
}

/// Two accounts that an earlier release created for one mailbox: each logs in with its own address and password.
async fn two_accounts_of_one_mailbox_stay_apart(store: Arc<dyn Store>) {
    const OTHER: &str = "another pass phrase";
    let (unicode, ascii) = ("Ann@Bücher.example", "ann@xn--bcher-kva.example");
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let (former, holder) = (app.user_fixture().await, app.user_fixture().await);
    store_as_before(&app, &former, unicode, "ann@bücher.example").await;
    store_as_before(&app, &holder, ascii, ascii).await;
    let email = Email::parse(ascii).unwrap();
    set_password::execute(&app.state.core, &email, Password::new(OTHER)).await.expect("a new password");

    let who = async |email: &str, password: &str| {
        let tokens = app.try_login(email, password).await.expect_status(200).tokens();
        app.me(&tokens.access).await.expect_status(200).json()["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(who(unicode, PASSWORD).await, former.id);
    assert_eq!(who(ascii, OTHER).await, holder.id);
    app.try_login(unicode, OTHER).await.expect_problem(401, "invalid-credentials");
    app.try_login(ascii, PASSWORD).await.expect_problem(401, "invalid-credentials");

    // When the other account has changed its address, the same spelling takes the ASCII form.
    let set = async |id: &str, email: &str| {
        let call = app.put(&format!("/admin/users/{id}")).bearer(&admin.tokens.access);
        call.json(&json!({ "email": email })).send().await
    };
    set(&former.id, unicode).await.expect_problem(409, "email-taken");
    set(&holder.id, "other@example.org").await.expect_status(200).json();
    set(&former.id, unicode).await.expect_status(200).json();
    assert_eq!(who(ascii, PASSWORD).await, former.id);
    assert_eq!(who(unicode, PASSWORD).await, former.id);
    assert_eq!(who("other@example.org", OTHER).await, holder.id);
}

async fn every_login_opens_a_session_of_its_own(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let second = app.login(&ann.email).await;
    let sid = |token: &str| forge::open(token).1["sid"].clone();
    assert_ne!(sid(&ann.tokens.access), sid(&second.access));
    app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_done();
    app.me(&ann.tokens.access).await.expect_invalid_token();
    app.me(&second.access).await.expect_status(200).json();
    app.refresh(&second.refresh).await;
}

async fn lifetimes_are_configured(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.rules.access_token_lifetime = time::Duration::minutes(5);
        config.rules.refresh_token_lifetime = time::Duration::days(1);
    });
    let ann = app.user_fixture().await;
    assert_eq!(app.try_login(&ann.email, PASSWORD).await.json()["expires_in"], 300);
    let lifetime = |token: &str| {
        let claims = forge::open(token).1;
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    assert_eq!((lifetime(&ann.tokens.access), lifetime(&ann.tokens.refresh)), (300, 86_400));
}

async fn passwords_do_not_expire(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::days(3_650));
    app.try_refresh(&ann.tokens.refresh).await.expect_problem(401, "invalid-token");
    let tokens = app.login(&ann.email).await;
    app.me(&tokens.access).await.expect_status(200).json();
}
