//! What the OpenID Foundation's Config OP certification plan checks: the discovery document (OpenID Connect Discovery
//! 1.0 section 3; RFC 8414).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{ISSUER, TestApp};
use serde_json::{Value, json};

stories! {
    discovery_document_describes_the_provider
}

const DOCUMENTS: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The names in a list of the document, in alphabetical order.
fn sorted(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names
}

fn check_endpoints(document: &Value) {
    for (name, path) in [
        ("authorization_endpoint", "/oauth/authorize"),
        ("token_endpoint", "/oauth/token"),
        ("userinfo_endpoint", "/oauth/userinfo"),
        ("end_session_endpoint", "/oauth/logout"),
        ("revocation_endpoint", "/auth/revoke"),
        ("introspection_endpoint", "/auth/introspect"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(document[name], format!("{ISSUER}{path}"), "{name}");
    }
    assert_eq!(document["issuer"], ISSUER);
}

fn check_lists(document: &Value) {
    for (name, expected) in [
        ("response_types_supported", &["code"][..]),
        ("response_modes_supported", &["form_post", "query"]),
        ("grant_types_supported", &["authorization_code", "client_credentials", "refresh_token"]),
        ("code_challenge_methods_supported", &["S256"]),
        ("subject_types_supported", &["public"]),
        ("id_token_signing_alg_values_supported", &["RS256"]),
        ("scopes_supported", &["email", "offline_access", "openid", "profile"]),
        ("token_endpoint_auth_signing_alg_values_supported", &["ES256", "PS256", "RS256"]),
        (
            "token_endpoint_auth_methods_supported",
            &["client_secret_basic", "client_secret_post", "none", "private_key_jwt"],
        ),
        ("prompt_values_supported", &["consent", "login", "none", "select_account"]),
        ("ui_locales_supported", &["de", "en"]),
    ] {
        assert_eq!(sorted(&document[name]), expected, "{name}");
    }
    for (name, part) in
        [("claims_supported", "sub"), ("claims_supported", "email"), ("acr_values_supported", "aal2")]
    {
        assert!(sorted(&document[name]).contains(&part), "{name}: {document}");
    }
}

async fn discovery_document_describes_the_provider(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in DOCUMENTS {
        let document = app.get(path).send().await.expect_status(200).json();
        check_endpoints(&document);
        check_lists(&document);
        for (name, expected) in [
            ("claims_parameter_supported", true),
            ("request_parameter_supported", false),
            ("request_uri_parameter_supported", false),
            ("require_request_uri_registration", false),
            ("authorization_response_iss_parameter_supported", true),
            ("backchannel_logout_supported", true),
            ("backchannel_logout_session_supported", true),
        ] {
            assert_eq!(document[name], json!(expected), "{name}");
        }
    }
}
