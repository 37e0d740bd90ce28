//! How often who may do what.

use std::collections::BTreeSet;
use std::sync::Arc;

use inwren_app::config;
use inwren_domain::store::Store;
use inwren_tests::app::{Call, Operation, PASSWORD, Reply, TestApp};
use serde_json::json;
use time::Duration;

stories! {
    every_operation_has_its_limit
    a_limit_comes_back_bit_by_bit
    what_is_malformed_counts
    what_is_limited_costs_nothing
    of_thirty_logins_at_once_five_are_heard
    a_network_of_ipv6_is_one_client
    logins_share_one_limit_whichever_way
    a_refresh_is_limited_by_its_session
    what_is_no_refresh_token_is_limited_by_the_client
    guesses_at_one_account_are_limited_from_anywhere
    of_many_guesses_at_once_from_anywhere_thirty_are_heard
    an_account_under_attack_lets_its_owner_in
    guesses_at_the_current_password_count_for_the_account
    one_address_written_otherwise_is_one_client
    administration_shares_one_limit
    limits_can_be_turned_off
}

fn limited(reply: &Reply) -> bool {
    if reply.status == 429 {
        assert_eq!(reply.expect_problem(429, "rate-limited")["retryable"], true);
    }
    reply.status == 429
}

/// A client that nobody has been before.
fn client() -> String {
    let n = inwren_tests::fixtures::unique();
    format!("198.18.{}.{}", (n / 250) % 250, n % 250 + 1)
}

fn login<'a>(app: &'a TestApp, email: &str) -> Call<'a> {
    app.post("/auth/login").json(&json!({ "email": email, "password": "wrong password" }))
}

/// Sends one and the same request until it is limited, and gives how often it was not.
async fn until_limited<'a>(call: impl Fn() -> Call<'a>) -> u32 {
    for n in 0..200 {
        if limited(&call().send().await) {
            return n;
        }
    }
    panic!("no limit in sight")
}

/// Operations that read public documents and are not limited.
const UNLIMITED: [&str; 6] = [
    "get_service_info",
    "get_health",
    "get_liveness",
    "get_jwks",
    "get_server_metadata",
    "get_openid_configuration",
];

/// The name of an operation's limit, and its quota per minute. A new operation fails the test until its limit is added here.
fn limit_of(operation: &Operation) -> (&'static str, u32) {
    match operation.id() {
        "register" => ("register", 5),
        "login" | "create_access_token" => ("login", 5),
        "refresh" => ("refresh", 10),
        "logout" => ("logout", 10),
        "revoke_token" => ("revoke", 10),
        "introspect_token" => ("introspect", 600),
        "get_current_user" => ("me", 20),
        "update_current_user" => ("update-me", 10),
        "change_password" => ("change-password", 5),
        "delete_current_user" => ("delete-me", 5),
        "list_sessions" => ("sessions", 20),
        "revoke_session" => ("revoke-session", 10),
        "revoke_other_sessions" => ("revoke-sessions", 10),
        _ if operation.path.starts_with("/admin/") => ("admin", 60),
        id => panic!("{id} ({} {}) has no limit here", operation.method, operation.path),
    }
}

/// Adds a body that the operation refuses, so that no session ends before the limit is reached.
fn refused_body<'a>(operation: &Operation, call: Call<'a>) -> Call<'a> {
    let content = &operation.about["requestBody"]["content"];
    if content["application/json"].is_object() {
        call.json(&json!({ "rubbish": 1 }))
    } else if content["application/x-www-form-urlencoded"].is_object() {
        call.form(&[("rubbish", "1")])
    } else {
        assert!(content.is_null(), "{content}");
        call
    }
}

async fn every_operation_has_its_limit(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let mut met = BTreeSet::new();
    for operation in app.contract().operations() {
        let is_limited = operation.about["responses"]["429"].is_object();
        if UNLIMITED.contains(&operation.id()) {
            assert!(!is_limited && operation.method == "GET", "{operation:?}");
            for _ in 0..100 {
                let reply = app.get(&operation.path).send().await;
                assert!(!limited(&reply) && reply.header("ratelimit").is_none(), "{reply}");
            }
            continue;
        }
        assert!(is_limited, "{} does not say that it is limited", operation.id());
        met.insert(limit_of(&operation).0);
        // The allowances that the last operation took are whole again.
        app.clock.advance(Duration::MINUTE);
        check_limit(&app, &operation).await;
    }
    // Two limits are for what a body says, and have tests of their own.
    met.extend(["client-token", "login-account"]);
    let all: BTreeSet<_> = config::Operation::ALL.iter().map(|operation| operation.label()).collect();
    assert_eq!(met, all);
}

async fn check_limit(app: &TestApp, operation: &Operation) {
    let (name, quota) = limit_of(operation);
    let account = if name == "admin" { app.superuser().await } else { app.somebody().await };
    let path = operation.path_with("00000000-0000-7000-8000-000000000000");
    let from = client();
    let send = async |from: &str| {
        let call = app.call(&operation.method, &path).from(from).bearer(&account.tokens.access);
        refused_body(operation, call).send().await
    };
    for used in 1..=quota {
        let reply = send(&from).await;
        assert!(!limited(&reply), "{used} of {quota}: {reply}");
        assert_eq!(reply.header("ratelimit-policy"), Some(format!(r#""{name}";q={quota};w=60"#).as_str()));
        let reset = (60 * used).div_ceil(quota);
        assert_eq!(
            reply.header("ratelimit"),
            Some(format!(r#""{name}";r={};t={reset}"#, quota - used).as_str())
        );
    }
    let reply = send(&from).await;
    assert!(limited(&reply), "{reply}");
    assert_eq!(reply.header("retry-after"), Some((60_u32.div_ceil(quota)).to_string().as_str()), "{reply}");
    assert_eq!(reply.header("ratelimit"), Some(format!(r#""{name}";r=0;t=60"#).as_str()));
    // Other clients are not limited.
    let other = send(&client()).await;
    assert!(!limited(&other), "{other}");
}

async fn a_limit_comes_back_bit_by_bit(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let call = || app.post("/auth/refresh").json(&json!({ "refresh_token": "x" }));
    assert_eq!(until_limited(call).await, 10);
    app.clock.advance(Duration::seconds(6) - Duration::microseconds(1));
    assert_eq!(until_limited(call).await, 0);
    app.clock.advance(Duration::microseconds(1));
    assert_eq!(until_limited(call).await, 1);
    app.clock.advance(Duration::MINUTE);
    assert_eq!(until_limited(call).await, 10);
    // A clock that steps back locks nobody out for longer than the period.
    app.clock.advance(-Duration::HOUR);
    assert_eq!(until_limited(call).await, 0);
    app.clock.advance(Duration::MINUTE);
    assert_eq!(until_limited(call).await, 10);
}

/// Rubbish is no way past a limit, nor is there any answer but 429 beyond it.
async fn what_is_malformed_counts(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let rubbish = [
        ("application/json", "{"),
        ("application/json", "{}"),
        ("text/plain", "x"),
        ("application/x-www-form-urlencoded", "grant_type=a&grant_type=b"),
        ("application/x-www-form-urlencoded", "grant_type=password&username=a"),
        ("application/x-www-form-urlencoded", "grant_type=magic"),
        ("application/x-www-form-urlencoded", "username=%ff"),
    ];
    for (path, quota) in [("/auth/login", 5), ("/auth/access-token", 5), ("/auth/refresh", 10)] {
        for (media_type, text) in rubbish {
            let from = client();
            let call = || app.post(path).from(&from).body(media_type, text);
            assert_eq!(until_limited(call).await, quota, "{path} {media_type} {text}");
        }
    }
    let from = client();
    let refresh = || app.post("/auth/access-token").from(&from).form(&[("grant_type", "refresh_token")]);
    assert_eq!(until_limited(refresh).await, 10);
    let long = "x".repeat(70_000);
    let from = client();
    let large = || app.post("/auth/refresh").from(&from).body("application/json", long.as_str());
    assert_eq!(until_limited(large).await, 10);
}

async fn what_is_limited_costs_nothing(store: Arc<dyn Store>) {
    let (counted, script) = inwren_tests::fakes::faulty_store(store);
    let app = TestApp::limited(counted);
    until_limited(|| login(&app, "nobody@example.org")).await;
    script.take_calls();
    assert!(limited(&login(&app, "nobody@example.org").send().await));
    assert!(limited(
        &app.post("/auth/access-token").form(&[("username", "a@b.co"), ("password", "x")]).send().await
    ));
    assert!(script.take_calls().is_empty());
}

async fn of_thirty_logins_at_once_five_are_heard(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    app.register("ann@example.org").await;
    let all = (0..30).map(|n| {
        let password = if n == 29 { PASSWORD } else { "wrong password" };
        let body = json!({ "email": "ann@example.org", "password": password });
        app.post("/auth/login").json(&body).send()
    });
    let replies = futures_util::future::join_all(all).await;
    assert_eq!(replies.iter().filter(|reply| !limited(reply)).count(), 5);
}

async fn a_network_of_ipv6_is_one_client(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    for n in 0..5 {
        assert!(!limited(
            &login(&app, "nobody@example.org").from(&format!("2001:db8:1:2:{n}::{n}")).send().await
        ));
    }
    assert!(limited(
        &login(&app, "nobody@example.org").from("2001:db8:1:2:ffff:ffff:ffff:ffff").send().await
    ));
    assert!(!limited(&login(&app, "nobody@example.org").from("2001:db8:1:3::1").send().await));
    let mapped = || login(&app, "nobody@example.org").from("::ffff:192.0.2.77");
    assert_eq!(until_limited(mapped).await, 5);
    assert!(limited(&login(&app, "nobody@example.org").from("192.0.2.77").send().await));
    assert!(!limited(&login(&app, "nobody@example.org").from("192.0.2.78").send().await));
}

async fn logins_share_one_limit_whichever_way(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let form =
        || app.post("/auth/access-token").form(&[("username", "nobody@example.org"), ("password", "x")]);
    for _ in 0..3 {
        form().send().await.expect_oauth_error("invalid_grant");
    }
    let no_address = app.post("/auth/access-token").form(&[("username", "x"), ("password", "x")]);
    no_address.send().await.expect_oauth_error("invalid_grant");
    let reply = login(&app, "nobody@example.org").send().await;
    assert_eq!(reply.header("ratelimit"), Some(r#""login";r=0;t=60"#));
    assert!(limited(&login(&app, "nobody@example.org").send().await));
    assert!(limited(&form().send().await));
}

async fn a_refresh_is_limited_by_its_session(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let (mut ann, bob) = (app.somebody().await, app.somebody().await);
    for n in 0..10 {
        let call = app.post("/auth/refresh").from(&client());
        let reply =
            call.json(&json!({ "refresh_token": ann.tokens.refresh })).send().await.expect_status(200);
        let left = format!(r#""refresh";r={};t={}"#, 9 - n, 6 * (n + 1));
        assert_eq!(reply.header("ratelimit"), Some(left.as_str()));
        ann.tokens = reply.tokens();
    }
    // From wherever, and whichever way.
    let refused = app.post("/auth/refresh").from(&client());
    let refused = refused.json(&json!({ "refresh_token": ann.tokens.refresh })).send().await;
    assert!(limited(&refused), "{refused}");
    let form = [("grant_type", "refresh_token"), ("refresh_token", ann.tokens.refresh.as_str())];
    assert!(limited(&app.post("/auth/access-token").form(&form).send().await));
    // Others behind the same address go on, and the token that was turned away is not used up.
    app.refresh(&bob.tokens.refresh).await;
    app.clock.advance(Duration::seconds(6));
    app.refresh(&ann.tokens.refresh).await;
}

async fn what_is_no_refresh_token_is_limited_by_the_client(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let call = || app.post("/auth/refresh").json(&json!({ "refresh_token": "x" }));
    assert_eq!(until_limited(call).await, 10);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    assert!(limited(&app.post("/auth/access-token").form(&form).send().await));
}

async fn guesses_at_one_account_are_limited_from_anywhere(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let mut heard = 0;
    for n in 0..60 {
        let email = if n % 2 == 0 { "ann@example.org" } else { " Ann@Example.ORG" };
        heard += u32::from(!limited(&login(&app, email).from(&client()).send().await));
    }
    assert_eq!(heard, 30);
    assert!(!limited(&login(&app, "bob@example.org").from(&client()).send().await));
}

/// The counter is not read first and written later: whoever comes at once is counted one by one, whichever way.
async fn of_many_guesses_at_once_from_anywhere_thirty_are_heard(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    app.register("ann@bücher.example").await;
    let all = (0..90).map(|n| {
        let call = match n % 3 {
            0 => login(&app, "ann@bücher.example"),
            1 => login(&app, "ann@xn--bcher-kva.example"),
            _ => {
                app.post("/auth/access-token").form(&[("username", "Ann@ｂücher.example"), ("password", "x")])
            }
        };
        call.from(&client()).send()
    });
    let replies = futures_util::future::join_all(all).await;
    assert_eq!(replies.iter().filter(|reply| !limited(reply)).count(), 30);
}

/// What strangers use up does not lock out whoever comes from where the account was logged in to before.
async fn an_account_under_attack_lets_its_owner_in(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let (home, stranger) = (client(), client());
    app.register("ann@example.org").await;
    let right = json!({ "email": "ann@example.org", "password": PASSWORD });
    let enter = |from: &str| app.post("/auth/login").from(from).json(&right).send();
    enter(&home).await.expect_status(200).tokens();
    let mut heard = 0;
    for _ in 0..40 {
        heard += u32::from(!limited(&login(&app, "ann@example.org").from(&client()).send().await));
    }
    assert_eq!(heard, 29);
    assert!(limited(&enter(&stranger).await), "with the right password");
    enter(&home).await.expect_status(200).tokens();
    let form = [("username", "ann@example.org"), ("password", PASSWORD)];
    app.post("/auth/access-token").from(&home).form(&form).send().await.expect_status(200).tokens();
    // The own network has its own limit, which nobody can use up from elsewhere.
    for _ in 0..2 {
        login(&app, "ann@example.org").from(&home).send().await.expect_problem(401, "invalid-credentials");
    }
    assert!(limited(&enter(&home).await));
    // Nobody is known to an account that there is not.
    for _ in 0..30 {
        login(&app, "nobody@example.org").from(&client()).send().await.expect_status(401).json();
    }
    assert!(limited(&login(&app, "nobody@example.org").from(&client()).send().await));
}

/// Somebody with a stolen token does not find the password out there, however many addresses they have.
async fn guesses_at_the_current_password_count_for_the_account(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let ann = app.somebody().await;
    let guess = async |from: &str, current: &str| {
        let body = json!({ "current_password": current, "new_password": "even more secure 456" });
        app.post("/users/me/password").bearer(&ann.tokens.access).from(from).json(&body).send().await
    };
    let mut heard = 0;
    for _ in 0..40 {
        heard += u32::from(!limited(&guess(&client(), "wrong password").await));
    }
    assert_eq!(heard, 29, "and the first login was one");
    assert!(limited(&guess(&client(), PASSWORD).await));
    assert!(limited(&login(&app, &ann.email).from(&client()).send().await));
    guess("192.0.2.1", PASSWORD).await.expect_status(200).tokens();
}

async fn one_address_written_otherwise_is_one_client(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
    });
    let spellings = [
        "2001:db8:7:7::1",
        "2001:0DB8:0007:0007:0000:0000:0000:0001",
        "2001:db8:7:7:0:0:0:1",
        "[2001:DB8:7:7::1]",
        "[2001:db8:7:7::1]:4711",
        "2001:db8:7:7::192.0.2.1",
        "2001:db8:7:7:ffff:ffff:ffff:ffff",
    ];
    for (n, spelling) in spellings.into_iter().enumerate() {
        let call = login(&app, "nobody@example.org").from("10.0.0.1").header("x-forwarded-for", spelling);
        assert_eq!(limited(&call.send().await), n >= 5, "{spelling}");
    }
    for (n, spelling) in [
        "192.0.2.9",
        "::ffff:192.0.2.9",
        "[::ffff:192.0.2.9]",
        "::FFFF:C000:0209",
        "192.0.2.9:80",
        "192.0.2.9",
    ]
    .into_iter()
    .enumerate()
    {
        let call = login(&app, "nobody@example.org").from("10.0.0.1").header("x-forwarded-for", spelling);
        assert_eq!(limited(&call.send().await), n >= 5, "{spelling}");
    }
}

async fn administration_shares_one_limit(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let admin = app.superuser().await;
    let token = &admin.tokens.access;
    let one = format!("/admin/users/{}", admin.id);
    for n in 0..60 {
        let path = if n % 2 == 0 { "/admin/users" } else { &one };
        app.get(path).bearer(token).send().await.expect_status(200).json();
    }
    assert!(limited(&app.get("/admin/users").bearer(token).send().await));
    assert!(limited(&app.delete(&one).bearer(token).send().await));
    assert!(!limited(&app.me(token).await));
}

async fn limits_can_be_turned_off(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for _ in 0..70 {
        let reply = login(&app, "nobody@example.org").send().await;
        reply.expect_problem(401, "invalid-credentials");
        assert!(reply.header("ratelimit").is_none());
    }
}
