//! Headers of every response. [`TestApp`] checks on each response that they are present and correct.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_domain::kernel::StoreError;
use inwren_domain::store::Store;
use inwren_tests::app::{Call, PASSWORD, Reply, TestApp};
use inwren_tests::fakes::faulty_store;
use serde_json::json;
use sha2::{Digest as _, Sha256};

stories! {
    a_well_formed_request_id_is_kept
    any_other_request_id_is_replaced
    what_has_a_token_or_a_profile_in_it_is_not_stored
    a_page_keeps_to_its_own_scripts
    responses_other_than_pages_allow_nothing
    every_response_has_the_security_headers
    hsts_is_sent_over_tls_only
}

async fn a_well_formed_request_id_is_kept(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for id in ["a", "0199a3f2-6f0e-7b9a-a1c2-000000000000", "req_1.2:3", &"x".repeat(64)] {
        for path in ["/health", "/users/me", "/nothing"] {
            let reply = app.get(path).header("x-request-id", id).send().await;
            assert_eq!(reply.header("x-request-id"), Some(id));
        }
    }
}

async fn any_other_request_id_is_replaced(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let mut seen = Vec::new();
    for id in ["", " ", "a b", "<script>", "ü", "\"quoted\"", "a,b", "a%0ab", "../../etc", &"x".repeat(65)] {
        let reply = app.get("/users/me").header("x-request-id", id).send().await;
        let new = reply.header("x-request-id").unwrap().to_owned();
        assert_ne!(new, id);
        assert_eq!(new.len(), 36, "{new}");
        seen.push(new);
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count, "an id that was given twice");
}

async fn what_has_a_token_or_a_profile_in_it_is_not_stored(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let form = [("username", ann.email.as_str()), ("password", PASSWORD)];
    let login = json!({ "email": ann.email, "password": PASSWORD });
    let password = json!({ "current_password": PASSWORD, "new_password": "another one 123" });
    let replies = [
        app.post("/auth/login").json(&login).send().await,
        app.post("/auth/access-token").form(&form).send().await,
        app.try_refresh(&ann.tokens.refresh).await,
        app.me(&ann.tokens.access).await,
        app.put("/users/me").bearer(&ann.tokens.access).json(&json!({})).send().await,
        app.get("/users/me/sessions").bearer(&ann.tokens.access).send().await,
        app.post("/users/me/password").bearer(&ann.tokens.access).json(&password).send().await,
    ];
    for reply in replies {
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply}");
    }
}

/// The directives of the response's Content Security Policy. Each directive occurs once.
fn policy(reply: &Reply) -> BTreeMap<String, Vec<String>> {
    let policy = reply.header("content-security-policy").unwrap_or_else(|| panic!("no policy: {reply}"));
    let mut directives = BTreeMap::new();
    for directive in policy.split(';') {
        let mut words = directive.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap_or_else(|| panic!("an empty directive: {policy}"));
        assert!(directives.insert(name, words.collect()).is_none(), "twice: {directive} in {policy}");
    }
    directives
}

fn directives(expected: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    expected.iter().map(|(name, values)| ((*name).to_owned(), words(values))).collect()
}

/// The digests of the contents of all elements with this name, in the form that the policy uses. JSON data in a script
/// element is not a script and is skipped.
fn digests(page: &str, element: &str) -> Vec<String> {
    let (start, end) = (format!("<{element}"), format!("</{element}>"));
    let mut rest = page;
    let mut digests = Vec::new();
    while let Some((_, tag)) = rest.split_once(start.as_str()) {
        let (attributes, content) = tag.split_once('>').expect("the end of a tag");
        let (body, after) = content.split_once(end.as_str()).expect("the end of an element");
        if !attributes.contains("application/json") {
            digests.push(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(body))));
        }
        rest = after;
    }
    digests
}

async fn a_page_keeps_to_its_own_scripts(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    // The digests of an empty style and of the style for ReDoc's scroll bars.
    let of_redoc = [
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "'sha256-sDI9pUw6Z98NC0sorERcD03vlQ8zZwyaBSQ06jerL4M='",
    ];
    for path in ["/", "/docs", "/redoc"] {
        let reply = app.get(path).header("accept", "text/html").send().await.expect_status(200);
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        let page = reply.text();
        let (head, body) = page.split_once("</head>").expect("a head");
        assert!(!head.contains("<script"), "{path}");
        let mut styles = digests(head, "style");
        // ReDoc adds style elements at run time.
        if path == "/redoc" {
            styles.extend(of_redoc.map(str::to_owned));
        }
        // The complete list of directives: another directive could allow what these forbid.
        let mut expected = directives(&[
            ("default-src", &["'none'"]),
            ("object-src", &["'none'"]),
            ("img-src", &["data:"]),
            ("base-uri", &["'none'"]),
            ("form-action", &["'none'"]),
            ("frame-ancestors", &["'none'"]),
        ]);
        expected.insert("script-src".to_owned(), digests(body, "script"));
        expected.insert("style-src".to_owned(), styles);
        let grant = if path == "/redoc" { ("worker-src", "blob:") } else { ("connect-src", "'self'") };
        expected.insert(grant.0.to_owned(), vec![grant.1.to_owned()]);
        assert_eq!(policy(&reply), expected, "{path}");
        assert!(expected.values().all(|words| !words.is_empty()), "{expected:?}");
        for outside in ["src=\"http", "href=\"http", "src='http", "href='http", "@import", "url(http"] {
            let tags =
                page.split("<script").map(|part| part.split_once("</script>").map_or(part, |(_, rest)| rest));
            assert!(!tags.collect::<String>().contains(outside), "{path} loads something with {outside}");
        }
    }
    for path in ["/problems", "/problems/not-found"] {
        let reply = app.get(path).header("accept", "text/html").send().await.expect_status(200);
        let styles = digests(reply.text(), "style");
        let [style] = styles.as_slice() else { panic!("not one style sheet: {reply}") };
        let expected = directives(&[
            ("default-src", &["'none'"]),
            ("object-src", &["'none'"]),
            ("style-src", &[style.as_str()]),
            ("img-src", &["data:"]),
            ("base-uri", &["'none'"]),
            ("form-action", &["'none'"]),
            ("frame-ancestors", &["'none'"]),
        ]);
        assert_eq!(policy(&reply), expected, "{path}");
        assert!(!reply.text().contains("<script"), "{reply}");
    }
}

async fn responses_other_than_pages_allow_nothing(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let expected = directives(&[
        ("default-src", &["'none'"]),
        ("object-src", &["'none'"]),
        ("base-uri", &["'none'"]),
        ("form-action", &["'none'"]),
        ("frame-ancestors", &["'none'"]),
        ("sandbox", &[]),
    ]);
    let json = |path| app.get(path).header("accept", "application/json");
    for call in [
        app.get("/users/me").bearer(&ann.tokens.access),
        app.get("/users/me"),
        app.get("/admin/users").bearer(&ann.tokens.access),
        app.get("/nothing"),
        app.post("/users/me"),
        app.get("/"),
        app.get("/health"),
        app.get("/.well-known/jwks.json"),
        app.get("/openapi.json"),
        json("/problems"),
        json("/problems/not-found"),
        app.post("/auth/login").json(&json!({})),
        app.post("/auth/access-token").form(&[]),
        app.call("OPTIONS", "/users/me"),
        app.call("HEAD", "/users/me").bearer(&ann.tokens.access),
    ] {
        let reply = call.send().await;
        assert_eq!(policy(&reply), expected, "{reply}");
    }
}

async fn every_response_has_the_security_headers(store: Arc<dyn Store>) {
    let (faulty, script) = faulty_store(store);
    let app = TestApp::over(faulty);
    let ann = app.user_fixture().await;
    let mut replies = vec![
        app.me(&ann.tokens.access).await.expect_status(200),
        app.get("/docs").send().await.expect_status(200),
        app.get("/problems").send().await.expect_status(200),
        app.call("OPTIONS", "/users/me").send().await.expect_status(204),
        app.get("/users/me").send().await.expect_status(401),
        app.get("/nothing").send().await.expect_status(404),
        app.post("/users/me").send().await.expect_status(405),
        app.post("/auth/login").body("application/json", "{").send().await.expect_status(400),
    ];
    script.fail("read", StoreError::Unavailable("away".to_owned()));
    replies.push(app.me(&ann.tokens.access).await.expect_status(503));
    for reply in replies {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{reply}");
        }
        assert_eq!(policy(&reply)["frame-ancestors"], ["'none'"], "{reply}");
        // No header names the software.
        for name in ["server", "x-powered-by", "via"] {
            assert_eq!(reply.header(name), None, "{reply}");
        }
    }
}

async fn hsts_is_sent_over_tls_only(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
    });
    let (direct, proxy) = ("192.0.2.1", "10.0.0.1");
    let proto = |value: &'static str| Some(("x-forwarded-proto", value));
    let forwarded = |value: &'static str| Some(("forwarded", value));
    for path in ["/health", "/users/me", "/nothing", "/docs", "/openapi.json", "/problems"] {
        for (from, reported, is_over_tls) in [
            (direct, None, false),
            // The service ignores this header from an untrusted peer.
            (direct, proto("https"), false),
            (direct, forwarded("for=192.0.2.9;proto=https"), false),
            (proxy, None, false),
            (proxy, proto("http"), false),
            (proxy, proto("https"), true),
            (proxy, forwarded("for=192.0.2.9;proto=http"), false),
            (proxy, forwarded("for=192.0.2.9;proto=https"), true),
        ] {
            // `TestApp` checks HSTS on each response.
            with_header(app.get(path).from(from), reported).behind_tls(is_over_tls).send().await;
            let is_believed = from == proxy && reported.is_some();
            let own = with_header(app.get(path).from(from), reported).over_tls();
            own.behind_tls(is_over_tls || !is_believed).send().await;
        }
    }
}

fn with_header<'a>(call: Call<'a>, header: Option<(&str, &str)>) -> Call<'a> {
    match header {
        Some((name, value)) => call.header(name, value),
        None => call,
    }
}
