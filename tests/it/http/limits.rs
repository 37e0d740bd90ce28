//! Rate limits per operation.

use std::collections::BTreeSet;
use std::sync::Arc;

use inwren_app::config;
use inwren_domain::limiter::Quota;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, Call, Operation, PASSWORD, Reply, TestApp};
use inwren_tests::fixtures::unique;
use serde_json::{Value, json};
use time::Duration;

use super::clients::service;

stories! {
    every_operation_has_its_limit
    a_limit_comes_back_bit_by_bit
    malformed_requests_use_no_allowance
    wrong_credentials_use_the_allowance
    malformed_requests_have_a_limit_of_their_own
    authenticated_calls_are_limited_per_user
    invalid_tokens_are_limited_per_network
    revoked_tokens_use_no_allowance_of_their_user
    introspection_is_limited_per_caller
    exempt_networks_have_no_limit
    a_trusted_proxy_is_never_exempt
    a_development_refusal_names_its_setting
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

/// A client address that no other call has used.
fn client() -> String {
    let n = unique();
    format!("198.18.{}.{}", (n / 250) % 250, n % 250 + 1)
}

fn login<'a>(app: &'a TestApp, email: &str) -> Call<'a> {
    app.post("/auth/login").json(&json!({ "email": email, "password": "wrong password" }))
}

/// Repeats a request until it is limited, and returns the number of allowed requests.
async fn until_limited<'a>(call: impl Fn() -> Call<'a>) -> u32 {
    for n in 0..200 {
        if limited(&call().send().await) {
            return n;
        }
    }
    panic!("no limit in sight")
}

/// Operations that read public documents and are not limited.
const UNLIMITED: [&str; 7] = [
    "get_service_info",
    "get_health",
    "get_liveness",
    "get_jwks",
    "get_server_metadata",
    "get_openid_configuration",
    "get_passkey_origins",
];

/// Operations that request a letter. They never say that they are limited: `letters::limits` has the tests.
const SILENT: [&str; 2] = ["forgot_password", "resend_verification"];

/// Operations that only tokens of applications may use. They are limited per user of the token.
const OF_APPLICATIONS: [&str; 2] = ["get_userinfo", "post_userinfo"];

/// Returns the name and quota per minute of an operation's limit. A new operation fails the test until its limit is
/// added here.
fn limit_of(operation: &Operation) -> (&'static str, u32) {
    match operation.id() {
        "register" => ("register", 5),
        // Each of them verifies a password.
        "login" | "create_access_token" | "request_factor_removal" => ("login", 5),
        "login_with_factor" => ("factor-login", 10),
        "start_passkey_login" => ("passkey-options", 20),
        "login_with_passkey" => ("passkey-login", 10),
        "cancel_factor_removal" => ("keep-factors", 10),
        "start_step_up" | "step_up" => ("step-up", 10),
        "list_factors" => ("factors", 20),
        "rename_factor"
        | "remove_factor"
        | "add_totp"
        | "confirm_totp"
        | "start_passkey_enrolment"
        | "add_passkey"
        | "replace_recovery_codes" => ("manage-factors", 20),
        "refresh" => ("refresh", 10),
        "logout" => ("logout", 10),
        "revoke_token" => ("revoke", 10),
        "introspect_token" => ("introspect", 600),
        "verify_email" => ("verify-email", 10),
        "reset_password" => ("reset-password", 10),
        "confirm_email_change" | "undo_email_change" => ("confirm-email", 10),
        "accept_invitation" => ("accept-invitation", 10),
        "oauth_token" => ("code-exchange", 600),
        "list_grants" => ("grants", 20),
        "revoke_grant" => ("revoke-grant", 10),
        "get_current_user" => ("me", 20),
        "update_current_user" => ("update-me", 10),
        "change_password" => ("change-password", 5),
        "delete_current_user" => ("delete-me", 5),
        "list_sessions" => ("sessions", 20),
        "list_activity" => ("activity", 20),
        "revoke_session" => ("revoke-session", 10),
        "revoke_other_sessions" => ("revoke-sessions", 10),
        _ if operation.path.starts_with("/admin/") => ("admin", 60),
        id => panic!("{id} ({} {}) has no limit here", operation.method, operation.path),
    }
}

/// The well-formed answer of a passkey to no challenge.
fn unknown_passkey() -> Value {
    let response = json!({
        "clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA", "attestationObject": "AAAA",
    });
    json!({ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response })
}

/// Adds a well-formed body that the operation rejects, so that no session ends before the limit is reached.
fn refused_body<'a>(operation: &Operation, call: Call<'a>) -> Call<'a> {
    let wrong = "wrong password";
    match operation.id() {
        "register" => {
            call.json(&json!({ "email": "ann@example.org", "password": PASSWORD, "tier": "enterprise" }))
        }
        "login" | "request_factor_removal" => {
            call.json(&json!({ "email": "nobody@example.org", "password": wrong }))
        }
        "login_with_factor" => call.json(&json!({ "challenge": "x", "method": "totp", "code": "123456" })),
        "login_with_passkey" | "add_passkey" => call.json(&json!({ "credential": unknown_passkey() })),
        "step_up" => call.json(&json!({ "method": "totp", "code": "123456" })),
        "rename_factor" => call.json(&json!({ "name": "Phone" })),
        "add_totp" => call.json(&json!({})),
        "confirm_totp" => call.json(&json!({ "code": "123456" })),
        "reset_user_factors" => call.json(&json!({ "reason": "Phone lost" })),
        "create_access_token" => call.form(&[("username", "nobody@example.org"), ("password", wrong)]),
        "refresh" => call.json(&json!({ "refresh_token": "x" })),
        "revoke_token" | "introspect_token" => call.form(&[("token", "x")]),
        "update_current_user" => call.json(&json!({ "tier": "enterprise" })),
        "change_password" => {
            call.json(&json!({ "current_password": wrong, "new_password": "even more secure 456" }))
        }
        "oauth_token" => call.form(&[
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", "https://app.example.org/callback"),
            ("code_verifier", "x"),
            ("client_id", "nobody"),
        ]),
        "create_client" => call.json(&json!({ "name": "Billing", "kind": "service" })),
        "update_client" => call.json(&json!({ "state": "disabled" })),
        "create_client_secret" => call.json(&json!({})),
        "update_user" => call.json(&json!({ "tier": "premium" })),
        "verify_email" | "confirm_email_change" | "undo_email_change" | "cancel_factor_removal" => {
            call.json(&json!({ "token": "x" }))
        }
        "reset_password" => call.json(&json!({ "token": "x", "new_password": PASSWORD })),
        "accept_invitation" => call.json(&json!({ "token": "x", "password": PASSWORD })),
        "invite_user" => call.json(&json!({ "email": "invited@example.org" })),
        _ => {
            let content = &operation.about["requestBody"]["content"];
            assert!(content.is_null(), "{} needs a body here", operation.id());
            call
        }
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
        if SILENT.contains(&operation.id()) {
            // A refused token is limited all the same.
            assert_eq!(is_limited, operation.about["responses"]["401"].is_object(), "{operation:?}");
            continue;
        }
        assert!(is_limited, "{} does not say that it is limited", operation.id());
        if OF_APPLICATIONS.contains(&operation.id()) {
            continue;
        }
        met.insert(limit_of(&operation).0);
        // The quotas that the previous operation used have recovered.
        app.clock.advance(Duration::MINUTE);
        check_limit(&app, &operation).await;
    }
    // These limits depend on the content of a request and have separate tests.
    met.extend(["authorize", "client-token", "login-account", "malformed", "request-letter", "userinfo"]);
    let all: BTreeSet<_> = config::Operation::ALL.iter().map(|operation| operation.label()).collect();
    assert_eq!(met, all);
}

async fn check_limit(app: &TestApp, operation: &Operation) {
    let (name, quota) = limit_of(operation);
    let is_admin = name == "admin" || name == "introspect";
    let account = async || if is_admin { app.superuser().await } else { app.user_fixture().await };
    let (ann, bob) = (account().await, account().await);
    let path = operation.path_with("00000000-0000-7000-8000-000000000000");
    if operation.id() == "delete_current_user" {
        // Only a recent login may close the account. The limit applies first.
        app.clock.advance(Duration::minutes(16));
    }
    let is_public = !operation.is_protected();
    let home = client();
    let send = async |account: &Account, from: &str| {
        let mut token = account.tokens.access.clone();
        if operation.id() == "logout" {
            let body = json!({ "email": account.email, "password": PASSWORD });
            let login = app.post("/auth/login").from(&client()).json(&body).send().await;
            token = login.expect_status(200).tokens().access;
        }
        let call = app.call(&operation.method, &path).from(from);
        let call = if is_public { call } else { call.bearer(&token) };
        refused_body(operation, call).send().await
    };
    for used in 1..=quota {
        // A public operation counts per client network. Any other operation counts per user, from any address.
        let from = if is_public { home.clone() } else { client() };
        let reply = send(&ann, &from).await;
        assert!(!limited(&reply), "{used} of {quota}: {reply}");
        assert_eq!(reply.header("ratelimit-policy"), Some(format!(r#""{name}";q={quota};w=60"#).as_str()));
        let reset = (60 * used).div_ceil(quota);
        assert_eq!(
            reply.header("ratelimit"),
            Some(format!(r#""{name}";r={};t={reset}"#, quota - used).as_str()),
            "{reply}"
        );
    }
    let reply = send(&ann, &home).await;
    assert!(limited(&reply), "{reply}");
    assert_eq!(reply.header("retry-after"), Some((60_u32.div_ceil(quota)).to_string().as_str()), "{reply}");
    assert_eq!(reply.header("ratelimit"), Some(format!(r#""{name}";r=0;t=60"#).as_str()));
    // Other client networks, or other users, are not limited.
    let other = if is_public { send(&ann, &client()).await } else { send(&bob, &home).await };
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
    // After a backward clock step, a client is locked out for one period at most.
    app.clock.advance(-Duration::HOUR);
    assert_eq!(until_limited(call).await, 0);
    app.clock.advance(Duration::MINUTE);
    assert_eq!(until_limited(call).await, 10);
}

/// Requests that the service rejects because of their form, as media type and body.
const MALFORMED: [(&str, &str); 7] = [
    ("application/json", "{"),
    ("application/json", "{}"),
    ("text/plain", "x"),
    ("application/x-www-form-urlencoded", "grant_type=a&grant_type=b"),
    ("application/x-www-form-urlencoded", "grant_type=password&username=a"),
    ("application/x-www-form-urlencoded", "grant_type=magic"),
    ("application/x-www-form-urlencoded", "username=%ff"),
];

async fn malformed_requests_use_no_allowance(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let long = "x".repeat(70_000);
    let ann = app.user_fixture().await;
    for (path, name, quota) in [
        ("/auth/login", "login", 5),
        ("/auth/access-token", "login", 5),
        ("/auth/refresh", "refresh", 10),
        ("/auth/register", "register", 5),
        ("/auth/revoke", "revoke", 10),
        ("/users/me/password", "change-password", 5),
    ] {
        let from = client();
        let cases = MALFORMED.into_iter().chain([("application/json", long.as_str())]);
        for (media_type, text) in cases.chain(MALFORMED) {
            let call = app.post(path).from(&from).bearer(&ann.tokens.access).body(media_type, text);
            let reply = call.send().await;
            assert!([400, 413, 415, 422].contains(&reply.status), "{path} {media_type}: {reply}");
            let whole = format!(r#""{name}";r={quota};t=0"#);
            assert_eq!(reply.header("ratelimit"), Some(whole.as_str()), "{path} {media_type} {text}");
        }
    }
    let from = client();
    for _ in 0..20 {
        let call = app.post("/auth/access-token").from(&from).form(&[("grant_type", "refresh_token")]);
        assert_eq!(call.send().await.header("ratelimit"), Some(r#""refresh";r=10;t=0"#));
        let query = app.get("/users/me/sessions?limit=many").bearer(&ann.tokens.access).send().await;
        query.expect_problem(422, "validation-failed");
        assert_eq!(query.header("ratelimit"), Some(r#""sessions";r=20;t=0"#));
    }
    // The full quota is left, and no more than that.
    let login = || login(&app, "nobody@example.org").from(&from);
    assert_eq!(until_limited(login).await, 5);
}

/// OAuth 2.0 rejects wrong passwords with 400 too.
async fn wrong_credentials_use_the_allowance(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let from = client();
    for username in ["nobody@example.org", "no address"] {
        let from = client();
        let form = || {
            let form = [("username", username), ("password", "x")];
            app.post("/auth/access-token").from(&from).form(&form)
        };
        assert_eq!(until_limited(form).await, 5, "{username}");
    }
    assert_eq!(until_limited(|| login(&app, "nobody@example.org").from(&from)).await, 5);
    // A malformed request between two guesses does not refund a guess.
    let from = client();
    let mut heard = 0;
    for n in 0..30 {
        app.post("/auth/login").from(&from).body("application/json", "{").send().await;
        let guess = login(&app, &format!("nobody-{n}@example.org")).from(&from);
        heard += u32::from(!limited(&guess.send().await));
    }
    assert_eq!(heard, 5);
    // A weak new password guesses nothing, so a stolen token cannot lock the owner out with it.
    let ann = app.user_fixture().await;
    let weak = json!({ "current_password": PASSWORD, "new_password": "password" });
    for _ in 0..40 {
        let call = app.post("/users/me/password").bearer(&ann.tokens.access).from(&client()).json(&weak);
        call.send().await.expect_invalid(&["/new_password"]);
    }
    assert!(!limited(&login(&app, &ann.email).from(&client()).send().await));
}

async fn malformed_requests_have_a_limit_of_their_own(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.limits.set(config::Operation::Malformed, Quota::per_minute(12));
    });
    let from = client();
    let call = || app.post("/auth/login").from(&from).body("application/json", "{");
    assert_eq!(until_limited(call).await, 12 + 5);
    app.clock.advance(Duration::seconds(5));
    assert_eq!(until_limited(call).await, 0, "the allowance of logins is used up");
    app.clock.advance(Duration::MINUTE);
    assert_eq!(until_limited(call).await, 12 + 5);
    assert!(!limited(&app.post("/auth/login").from(&client()).body("application/json", "{").send().await));
}

async fn authenticated_calls_are_limited_per_user(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let second = app.login(&ann.email).await;
    // Two sessions of one user share one address, as behind a company's proxy.
    for token in [&ann.tokens.access, &second.access] {
        for _ in 0..10 {
            assert!(!limited(&app.me(token).await));
        }
    }
    for token in [&ann.tokens.access, &second.access] {
        assert!(limited(&app.me(token).await));
        assert!(limited(&app.get("/users/me").bearer(token).from(&client()).send().await));
    }
    assert_eq!(until_limited(|| app.get("/users/me").bearer(&bob.tokens.access)).await, 20);
}

async fn invalid_tokens_are_limited_per_network(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let ann = app.user_fixture().await;
    let from = client();
    for n in 0..20 {
        let call = app.get("/users/me").from(&from);
        let call = if n % 2 == 0 { call } else { call.bearer("rubbish") };
        assert_eq!(call.send().await.status, 401);
    }
    assert!(limited(&app.get("/users/me").from(&from).bearer("rubbish").send().await));
    assert!(limited(&app.get("/users/me").from(&from).send().await));
    // Users behind the same address are not affected.
    app.get("/users/me").from(&from).bearer(&ann.tokens.access).send().await.expect_status(200).json();
    app.get("/users/me").from(&client()).bearer("rubbish").send().await.expect_invalid_token();
}

async fn revoked_tokens_use_no_allowance_of_their_user(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let ann = app.user_fixture().await;
    let stolen = app.login(&ann.email).await;
    app.post("/auth/logout").bearer(&stolen.access).send().await.expect_done();
    assert_eq!(until_limited(|| app.get("/users/me").bearer(&stolen.access)).await, 20);
    assert_eq!(until_limited(|| app.get("/users/me").bearer(&ann.tokens.access)).await, 20);
}

async fn introspection_is_limited_per_caller(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.limits.set(config::Operation::Introspect, Quota::per_minute(3));
    });
    let service_client = async || {
        let (client, secret) = service(&app, &format!("service-{}", unique())).await;
        (client.id.to_string(), secret)
    };
    let (one, other) = (service_client().await, service_client().await);
    let introspect = || app.post("/auth/introspect").form(&[("token", "x")]);
    for (id, secret) in [&one, &other] {
        assert_eq!(until_limited(|| introspect().basic(id, secret)).await, 3);
    }
    let admin = app.superuser().await;
    assert_eq!(until_limited(|| introspect().bearer(&admin.tokens.access)).await, 3);
    // Wrong secrets count for the client network, not for the service client.
    app.clock.advance(Duration::MINUTE);
    assert_eq!(until_limited(|| introspect().basic(&one.0, "wrong")).await, 3);
    assert_eq!(until_limited(|| introspect().basic(&one.0, &one.1)).await, 3);
}

async fn exempt_networks_have_no_limit(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.limits.exempt = ["192.0.2.0/25", "2001:db8:1::/48"].map(|text| text.parse().unwrap()).to_vec();
    });
    for from in ["192.0.2.1", "192.0.2.127", "::ffff:192.0.2.1", "2001:db8:1:ffff::1"] {
        for _ in 0..40 {
            let reply = login(&app, "nobody@example.org").from(from).send().await;
            reply.expect_problem(401, "invalid-credentials");
            assert!(reply.header("ratelimit").is_none(), "{from}: {reply}");
        }
    }
    for from in ["192.0.2.128", "2001:db8:2::1"] {
        assert_eq!(until_limited(|| login(&app, "bob@example.org").from(from)).await, 5, "{from}");
    }
}

/// A client can make the header unreadable, and then counts as the proxy.
async fn a_trusted_proxy_is_never_exempt(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.limits.exempt = vec!["10.0.0.0/8".parse().unwrap()];
        config.trusted_proxies = vec!["10.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    });
    let through =
        |client: &str| login(&app, "nobody@example.org").from("10.0.0.1").header("x-forwarded-for", client);
    assert_eq!(until_limited(|| through("unreadable")).await, 5);
    for _ in 0..40 {
        assert!(!limited(&through("10.0.0.2").send().await));
    }
}

async fn a_development_refusal_names_its_setting(store: Arc<dyn Store>) {
    for is_development in [true, false] {
        let app = TestApp::configured(store.clone(), |config| {
            config.limits.enabled = true;
            config.limits.names_setting = is_development;
        });
        let from = client();
        until_limited(|| login(&app, "nobody@example.org").from(&from)).await;
        let problem = login(&app, "nobody@example.org").from(&from).send().await;
        let detail = problem.expect_problem(429, "rate-limited")["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail.contains("RATE_LIMIT_LOGIN"), is_development, "{detail}");
    }
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
    let (mut ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    for n in 0..10 {
        let call = app.post("/auth/refresh").from(&client());
        let reply =
            call.json(&json!({ "refresh_token": ann.tokens.refresh })).send().await.expect_status(200);
        let left = format!(r#""refresh";r={};t={}"#, 9 - n, 6 * (n + 1));
        assert_eq!(reply.header("ratelimit"), Some(left.as_str()));
        ann.tokens = reply.tokens();
    }
    // The limit applies from any address and on both endpoints.
    let refused = app.post("/auth/refresh").from(&client());
    let refused = refused.json(&json!({ "refresh_token": ann.tokens.refresh })).send().await;
    assert!(limited(&refused), "{refused}");
    let form = [("grant_type", "refresh_token"), ("refresh_token", ann.tokens.refresh.as_str())];
    assert!(limited(&app.post("/auth/access-token").form(&form).send().await));
    // Other users behind the same address are not limited, and a limited request does not use up its refresh token.
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

/// The limiter updates its counter atomically: it counts concurrent requests one by one, on either endpoint.
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

/// Guesses from unrecognised clients do not lock out a client at an address from which the account has logged in
/// before.
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
    // The owner's network has a separate limit, which clients elsewhere cannot use up.
    for _ in 0..2 {
        login(&app, "ann@example.org").from(&home).send().await.expect_problem(401, "invalid-credentials");
    }
    assert!(limited(&enter(&home).await));
    // An unknown account has no recognised clients.
    for _ in 0..30 {
        login(&app, "nobody@example.org").from(&client()).send().await.expect_status(401).json();
    }
    assert!(limited(&login(&app, "nobody@example.org").from(&client()).send().await));
}

/// A client with a stolen token cannot guess the password here, however many addresses it has.
async fn guesses_at_the_current_password_count_for_the_account(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.limits.set(config::Operation::ChangePassword, Quota::per_minute(1_000));
    });
    let ann = app.user_fixture().await;
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
