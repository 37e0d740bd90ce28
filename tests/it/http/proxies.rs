//! The trusted sources of the client's address.

use std::sync::Arc;

use inwren_app::http::ProxyHeader;
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp, Tokens};
use serde_json::json;

stories! {
    a_client_cannot_name_itself
    a_trusted_proxy_names_the_client
    a_header_that_the_proxy_does_not_write_changes_nothing
    a_forwarded_header_is_read_from_the_right
    a_header_that_cannot_be_read_is_no_way_round_the_limit
    no_header_says_where_the_service_is
}

const HEADERS: [(&str, &str); 7] = [
    ("x-forwarded-for", "203.0.113.{}"),
    ("x-forwarded-for", "rubbish, 203.0.113.{}"),
    ("forwarded", "for=203.0.113.{}"),
    ("x-real-ip", "203.0.113.{}"),
    ("cf-connecting-ip", "203.0.113.{}"),
    ("true-client-ip", "203.0.113.{}"),
    ("x-client-ip", "203.0.113.{}"),
];

async fn login(app: &TestApp, from: &str, header: (&str, &str)) -> Reply {
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    app.post("/auth/login").from(from).header(header.0, header.1).json(&body).send().await
}

async fn address(app: &TestApp, tokens: &Tokens) -> String {
    let reply = app.get("/users/me/sessions").bearer(&tokens.access).send().await.expect_status(200);
    let body = reply.json();
    let mine = body["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap().clone();
    mine["ip_address"].as_str().unwrap().to_owned()
}

async fn a_client_cannot_name_itself(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    app.register("ann@example.org").await;
    for (n, (name, value)) in HEADERS.into_iter().enumerate() {
        let value = value.replace("{}", &n.to_string());
        let reply = login(&app, "192.0.2.50", (name, &value)).await;
        if n >= 5 {
            reply.expect_problem(429, "rate-limited");
        } else {
            assert_eq!(address(&app, &reply.expect_status(200).tokens()).await, "192.0.2.50");
        }
    }
}

async fn a_trusted_proxy_names_the_client(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
    });
    app.register("ann@example.org").await;
    for n in 0..8 {
        let own = format!("203.0.113.{n}");
        let reply = login(&app, "10.1.2.3", ("x-forwarded-for", &own)).await.expect_status(200);
        assert_eq!(address(&app, &reply.tokens()).await, own);
    }
    // Entries to the left of the client's address come from the client and are not trusted.
    for n in 0..8 {
        let chain = format!("198.51.100.{n}, 203.0.113.99, 10.9.9.9");
        let reply = login(&app, "10.1.2.3", ("x-forwarded-for", &chain)).await;
        assert_eq!(reply.status, if n < 5 { 200 } else { 429 }, "{reply}");
    }
    // The service ignores the header from any other peer.
    let reply = login(&app, "192.0.2.60", ("x-forwarded-for", "203.0.113.200")).await.expect_status(200);
    assert_eq!(address(&app, &reply.tokens()).await, "192.0.2.60");
}

/// The service behind a proxy in 10/8 that writes this header.
fn behind(store: Arc<dyn Store>, header: ProxyHeader) -> TestApp {
    TestApp::configured(store, |config| {
        config.limits.enabled = true;
        config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
        config.proxy_header = header;
    })
}

/// Logs in eight times through the proxy as one client that pretends to be another each time. Checks that the service
/// recognises the client.
async fn is_known(app: &TestApp, client: &str, headers: impl Fn(usize) -> Vec<(&'static str, String)>) {
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    for n in 0..8 {
        let call = app.post("/auth/login").from("10.1.2.3").json(&body);
        let headers = headers(n);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let reply = call.send().await;
        assert_eq!(reply.status, if n < 5 { 200 } else { 429 }, "{headers:?}: {reply}");
        if n < 5 {
            assert_eq!(address(app, &reply.tokens()).await, client, "{headers:?}");
        }
    }
}

async fn a_header_that_the_proxy_does_not_write_changes_nothing(store: Arc<dyn Store>) {
    let app = behind(store.clone(), ProxyHeader::XForwardedFor);
    app.register("ann@example.org").await;
    let own = |n| match n % 3 {
        0 => vec![("forwarded", format!("for=198.51.100.{n}"))],
        1 => vec![("forwarded", "for=\"".to_owned()), ("x-real-ip", format!("198.51.100.{n}"))],
        _ => vec![("x-client-ip", format!("198.51.100.{n}"))],
    };
    let proxys = ("x-forwarded-for", "203.0.113.9".to_owned());
    is_known(&app, "203.0.113.9", |n| [own(n), vec![proxys.clone()]].concat()).await;

    let app = behind(store, ProxyHeader::Forwarded);
    let proxys = ("forwarded", "for=\"[2001:db8:1:2::9]:4711\";proto=http".to_owned());
    let own = |n| vec![("x-forwarded-for", format!("198.51.100.{n}")), proxys.clone()];
    is_known(&app, "2001:db8:1:2::9", own).await;
}

async fn a_forwarded_header_is_read_from_the_right(store: Arc<dyn Store>) {
    let app = behind(store, ProxyHeader::Either);
    app.register("ann@example.org").await;
    let own = |n| match n % 4 {
        0 => format!("for=198.51.100.{n}"),
        1 => format!("for=\"198.51.100.{n}"),
        2 => format!("for=10.0.0.{n}, for=\"_hidden, x"),
        _ => format!("for=198.51.100.{n};host=\"a,b\""),
    };
    let proxys =
        |n| format!("for=203.0.113.9;host=\"x, for=198.51.100.{n};for=198.51.100.{n}\", for=10.9.9.9");
    is_known(&app, "203.0.113.9", |n| vec![("forwarded", format!("{}, {}", own(n), proxys(n)))]).await;
}

async fn a_header_that_cannot_be_read_is_no_way_round_the_limit(store: Arc<dyn Store>) {
    let app = behind(store, ProxyHeader::Either);
    app.register("ann@example.org").await;
    // All clients with an unreadable header count together as the proxy.
    let rubbish = |n| match n % 4 {
        0 => vec![("x-forwarded-for", format!("198.51.100.{n}, unknown"))],
        1 => vec![("forwarded", format!("for=_{n}"))],
        2 => vec![
            ("x-forwarded-for", format!("198.51.100.{n}")),
            ("forwarded", "for=198.51.100.200".to_owned()),
        ],
        _ => vec![("x-forwarded-for", format!("198.51.100.{n}.1"))],
    };
    is_known(&app, "10.1.2.3", rubbish).await;
}

/// A link from an attacker's header would lead users and their tokens to the attacker.
async fn no_header_says_where_the_service_is(store: Arc<dyn Store>) {
    for issuer in ["https://auth.example.org", "inwren", "http://localhost:8000"] {
        let app = TestApp::configured(store.clone(), |config| {
            config.token_issuer = issuer.to_owned();
            config.public_url = "http://localhost:8000".to_owned();
            config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
        });
        no_header_leads_away(&app).await;
    }
}

async fn no_header_leads_away(app: &TestApp) {
    let admin = app.superuser().await;
    app.user_fixture().await;
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "evil"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("forwarded", "for=203.0.113.9;host=evil.example;proto=evil"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
    ];
    for path in [
        "/",
        "/openapi.json",
        "/docs",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/admin/users?limit=1",
        "/nothing",
    ] {
        for from in ["192.0.2.1", "10.0.0.1"] {
            let plain = app.get(path).from(from).bearer(&admin.tokens.access).send().await;
            let mut call = app.get(path).from(from).bearer(&admin.tokens.access);
            for (name, value) in headers {
                call = call.header(name, value);
            }
            let reply = call.send().await;
            assert_eq!(reply.status, plain.status, "{path}");
            let told = reply.to_string();
            assert!(!["evil.example", "evil://"].iter().any(|text| told.contains(text)), "{path}");
        }
    }
}
