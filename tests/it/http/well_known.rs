//! The metadata and keys for services that verify tokens locally.

use std::sync::Arc;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, PASSWORD, TestApp, forge};
use serde_json::json;
use time::Duration;

stories! {
    a_token_is_verified_with_the_published_key_alone
    only_public_members_are_published
    a_copy_that_is_current_is_not_sent_again
    how_long_a_copy_may_be_kept_is_a_setting
    the_metadata_says_where_everything_is
    metadata_links_work
    metadata_of_a_path_is_at_both_locations
    issuer_path_is_in_every_address
    issuer_without_a_path_has_one_location
}

async fn a_token_is_verified_with_the_published_key_alone(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let keys = app.get("/.well-known/jwks.json").send().await.expect_status(200).json();
    for token in [&ann.tokens.access, &ann.tokens.refresh] {
        let (header, claims) = forge::open(token);
        let named = |key: &&serde_json::Value| key["kid"] == header["kid"];
        let key = keys["keys"].as_array().unwrap().iter().find(named).unwrap();
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        RsaPublicKeyComponents { n: number("n"), e: number("e") }
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
        assert_eq!(claims["iss"], ISSUER);
    }
}

async fn only_public_members_are_published(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let keys = app.get("/.well-known/jwks.json").send().await.expect_status(200).json();
    let [key] = keys["keys"].as_array().unwrap().as_slice() else { panic!("not one key: {keys}") };
    let mut names: Vec<&String> = key.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
}

async fn a_copy_that_is_current_is_not_sent_again(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    for path in ["jwks.json", "oauth-authorization-server", "openid-configuration"] {
        let path = format!("/.well-known/{path}");
        let first = app.get(&path).send().await.expect_status(200);
        assert_eq!(first.header("content-type"), Some("application/json"));
        assert_eq!(first.header("cache-control"), Some("public, max-age=300"));
        assert!(first.header("ratelimit").is_none());
        let tag = first.header("etag").unwrap();
        for known in [tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            let again = app.get(&path).header("if-none-match", known).send().await.expect_status(304);
            assert_eq!((again.text(), again.header("etag")), ("", Some(tag)), "{known}");
            assert_eq!(again.header("cache-control"), Some("public, max-age=300"));
        }
        let other = app.get(&path).header("if-none-match", "\"other\"").send().await.expect_status(200);
        assert_eq!(other.body, first.body);
        assert_eq!(app.call("HEAD", &path).send().await.expect_status(200).header("etag"), Some(tag));
    }
}

async fn how_long_a_copy_may_be_kept_is_a_setting(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.jwks_max_age = Duration::seconds(42));
    for path in ["jwks.json", "oauth-authorization-server", "openid-configuration"] {
        let answer = app.get(&format!("/.well-known/{path}")).send().await.expect_status(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=42"));
    }
}

async fn the_metadata_says_where_everything_is(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let evil = "evil.example.org";
    let server = app.get("/.well-known/oauth-authorization-server").header("host", evil).send().await;
    let server = server.expect_status(200).json();
    assert_eq!(server["issuer"], ISSUER);
    assert_eq!(server["authorization_endpoint"], format!("{ISSUER}/oauth/authorize"));
    assert_eq!(server["token_endpoint"], format!("{ISSUER}/oauth/token"));
    assert_eq!(server["userinfo_endpoint"], format!("{ISSUER}/oauth/userinfo"));
    assert_eq!(server["end_session_endpoint"], format!("{ISSUER}/oauth/logout"));
    assert_eq!(server["jwks_uri"], format!("{ISSUER}/.well-known/jwks.json"));
    assert_eq!(server["response_types_supported"], json!(["code"]));
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["ui_locales_supported"], json!(["en", "de"]));
    assert_eq!((&server["registration"], &server["email_verification"]), (&json!("open"), &json!("off")));
    assert_eq!(server["mail_configured"], false);
    assert!(!server.to_string().contains(evil));

    let openid = app.get("/.well-known/openid-configuration").send().await.expect_status(200).json();
    assert_eq!(openid, server);
    assert_eq!(openid["id_token_signing_alg_values_supported"], json!(["RS256"]));
    assert_eq!(openid["subject_types_supported"], json!(["public"]));
}

async fn metadata_links_work(store: Arc<dyn Store>) {
    let public_url = "https://auth.example.org";
    let app = TestApp::configured(store, |config| {
        config.token_issuer = "inwren".to_owned();
        config.public_url = public_url.to_owned();
    });
    // No request header changes a link.
    let call = app.get("/.well-known/oauth-authorization-server").header("host", "127.0.0.1:8123");
    let server = call.send().await.json();
    let path = |name: &str| {
        let url = server[name].as_str().unwrap();
        url.strip_prefix(public_url).unwrap_or_else(|| panic!("{name}: {url}")).to_owned()
    };
    assert_eq!(server["issuer"], "inwren");
    app.get(&path("jwks_uri")).send().await.expect_status(200).json();
    for name in ["token_endpoint", "revocation_endpoint"] {
        app.post(&path(name)).form(&[]).send().await.expect_oauth_error("invalid_request");
    }
    app.post(&path("introspection_endpoint")).form(&[]).send().await.expect_problem(401, "missing-token");
    app.get(&path("service_documentation")).send().await.expect_status(200).text();
}

const PATHS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

fn under_a_path(store: Arc<dyn Store>, issuer: &str) -> TestApp {
    TestApp::configured(store, |config| {
        config.token_issuer = issuer.to_owned();
        config.public_url = issuer.trim_end_matches('/').to_owned();
    })
}

/// RFC 8414 section 3.1: clients insert the well-known path before the path of the issuer. A proxy that serves Inwren
/// under this path strips it from requests, so the metadata is also at the location without the path.
async fn metadata_of_a_path_is_at_both_locations(store: Arc<dyn Store>) {
    for issuer in ["https://example.org/a/b%20c", "https://example.org/a/b%20c/"] {
        let app = under_a_path(store.clone(), issuer);
        for path in PATHS {
            let there = app.get(path).send().await.expect_status(200);
            assert_eq!(there.json()["issuer"], issuer);
            let inserted = format!("{path}/a/b%20c");
            let same = app.get(&inserted).send().await.expect_status(200);
            assert_eq!((&same.body, same.header("etag")), (&there.body, there.header("etag")));
            let known = app.get(&inserted).header("if-none-match", there.header("etag").unwrap());
            known.send().await.expect_status(304).text();
            app.call("HEAD", &inserted).send().await.expect_status(200).text();
            let options = app.call("OPTIONS", &inserted).send().await.expect_status(204);
            assert_eq!(options.header("allow"), Some("GET, HEAD, OPTIONS"));
            app.post(&inserted).send().await.expect_problem(405, "method-not-allowed");
            for other in ["/a", "/a/b%20c/", "/a/b%20c/d", "/A/b%20c"] {
                app.get(&format!("{path}{other}")).send().await.expect_problem(404, "not-found");
            }
        }
        app.get("/.well-known/jwks.json/a/b%20c").send().await.expect_problem(404, "not-found");
    }
}

async fn issuer_path_is_in_every_address(store: Arc<dyn Store>) {
    let app = under_a_path(store, "https://example.org/auth/");
    let server = app.get(PATHS[0]).send().await.expect_status(200).json();
    for (name, url) in server.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" || name == "service_documentation" {
            assert!(url.as_str().unwrap().starts_with("https://example.org/auth/"), "{name}: {url}");
        }
    }
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    let registered = app.post("/auth/register").json(&body).send().await.expect_status(201);
    assert_eq!(registered.header("location"), Some("/auth/users/me"));
    let info = app.get("/").send().await.expect_status(200).json();
    assert_eq!((&info["docs"], &info["openapi"]), (&json!("/auth/docs"), &json!("/auth/openapi.json")));
    let document = app.get("/openapi.json").send().await.expect_status(200).json();
    assert_eq!(document["servers"][0]["url"], "/auth");
    let flow = &document["components"]["securitySchemes"]["password"]["flows"]["password"];
    for name in ["tokenUrl", "refreshUrl"] {
        assert_eq!(flow[name], "/auth/auth/access-token");
    }
    // No page links to an absolute path, where another service may run.
    for path in ["/problems", "/problems/not-found"] {
        let page = app.get(path).send().await.expect_status(200);
        assert!(!page.text().contains("href=\"/"), "{page}");
    }
}

async fn issuer_without_a_path_has_one_location(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in PATHS {
        app.get(path).send().await.expect_status(200).json();
        for other in ["/", "/auth"] {
            app.get(&format!("{path}{other}")).send().await.expect_problem(404, "not-found");
        }
    }
    let document = app.get("/openapi.json").send().await.expect_status(200).json();
    assert_eq!(document["servers"][0]["url"], "/");
}
