//! The `Authorization` header is the only place for an access token, and its syntax is strict.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Call, Operation, TestApp};

use super::protected;

stories! {
    memory:
    the_scheme_is_read_without_case
    spaces_before_the_token_are_not_of_it
    the_header_is_read_strictly_everywhere
    another_scheme_is_no_token
    a_token_has_no_other_place
}

/// RFC 9110 section 11.1: the scheme is case-insensitive.
async fn the_scheme_is_read_without_case(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let header = format!("{scheme} {}", boss.tokens.access);
        app.get("/users/me").header("authorization", &header).send().await.expect_status(200).json();
        let ask = app.post("/auth/introspect").header("authorization", &header).form(&[("token", "x")]);
        ask.send().await.expect_status(200).json();
    }
}

/// RFC 9110 section 11.4 and RFC 6750 section 2.1: one or more spaces separate the scheme and the token.
async fn spaces_before_the_token_are_not_of_it(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    for spaces in [" ", "  ", "        "] {
        let header = format!("Bearer{spaces}{}", boss.tokens.access);
        app.get("/users/me").header("authorization", &header).send().await.expect_status(200).json();
    }
}

/// Each item is the `Authorization` headers of one request: a valid token in the wrong form, including bytes that are
/// not text.
fn wrong_headers(token: &str) -> Vec<Vec<Vec<u8>>> {
    let good = format!("Bearer {token}");
    let one = [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer: {token}"),
        format!("Bearer\t{token}"),
        format!(" Bearer {token}"),
        format!("Bearer token=\"{token}\""),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token}, Basic eDp5"),
        format!("Bearer {token};"),
        "é".to_owned(),
    ];
    let bytes = [
        [good.as_bytes(), b"\xff"].concat(),
        [b"\xff", good.as_bytes()].concat(),
        b"Bearer \xff\xfe".to_vec(),
        b"\xff".to_vec(),
    ];
    let good = good.as_str();
    let two =
        [[good, good], [good, "Bearer x"], ["Bearer x", good], ["Basic eDp5", good], [good, "Basic eDp5"]];
    let one = one.into_iter().map(|value| vec![value.into_bytes()]);
    let bytes = bytes.into_iter().map(|value| vec![value]);
    let two = two.into_iter().map(|values| values.map(|value| value.as_bytes().to_vec()).to_vec());
    one.chain(bytes).chain(two).collect()
}

async fn the_header_is_read_strictly_everywhere(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let boss = app.superuser().await;
    asked.take_calls();
    for operation in protected::operations(&app) {
        for values in wrong_headers(&boss.tokens.access) {
            let call = protected::attempt(&app, &operation);
            let call = values.iter().fold(call, |call, value| call.header("authorization", value));
            let reply = call.send().await;
            if protected::takes_basic(&operation) && values[0].starts_with(b"Basic ") {
                reply.expect_problem(401, "invalid-client");
                assert_eq!(reply.header("www-authenticate"), Some(r#"Basic realm="inwren""#), "{reply}");
                // An id and a secret carry no signature, so the service looks them up in the store.
                asked.take_calls();
            } else {
                reply.expect_invalid_token();
            }
            assert!(asked.take_calls().is_empty(), "{reply}");
        }
        let reply = protected::attempt(&app, &operation).send().await;
        protected::expect_missing_token(&reply, &operation);
        assert!(asked.take_calls().is_empty(), "{reply}");
    }
}

/// RFC 6750 section 3.1: a request without a token gets a challenge without an error code.
async fn another_scheme_is_no_token(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let boss = app.superuser().await;
    let token = &boss.tokens.access;
    asked.take_calls();
    for operation in protected::operations(&app) {
        for header in [
            token.clone(),
            format!("Bearer{token}"),
            format!("Token {token}"),
            format!("JWT {token}"),
            format!("DPoP {token}"),
            format!("Digest {token}"),
            format!("Basic {token}"),
            "Basic eDp5".to_owned(),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            "Negotiate".to_owned(),
            String::new(),
        ] {
            let reply = protected::attempt(&app, &operation).header("authorization", &header).send().await;
            if protected::takes_basic(&operation) && header.starts_with("Basic") {
                reply.expect_problem(401, "invalid-client");
                assert_eq!(reply.header("www-authenticate"), Some(r#"Basic realm="inwren""#), "{reply}");
                // An id and a secret carry no signature, so the service looks them up in the store.
                asked.take_calls();
            } else {
                protected::expect_missing_token(&reply, &operation);
            }
            assert!(asked.take_calls().is_empty(), "{reply}");
        }
    }
}

async fn a_token_has_no_other_place(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let boss = app.superuser().await;
    asked.take_calls();
    for operation in protected::operations(&app) {
        for call in elsewhere(&app, &operation, &boss.tokens.access) {
            let reply = call.send().await;
            protected::expect_missing_token(&reply, &operation);
            assert!(asked.take_calls().is_empty(), "{reply}");
        }
    }
}

fn elsewhere<'a>(app: &'a TestApp, operation: &Operation, token: &str) -> [Call<'a>; 6] {
    let path = operation.path_with("rubbish");
    let query = format!("{path}?access_token={token}&token={token}&authorization=Bearer%20{token}");
    let attempt = || protected::attempt(app, operation);
    [
        app.call(&operation.method, &query),
        app.call(&operation.method, &path).form(&[("access_token", token), ("token", token)]),
        attempt().header("cookie", format!("access_token={token}; token={token}; authorization={token}")),
        attempt().header("x-access-token", token).header("x-authorization", format!("Bearer {token}")),
        attempt().header("proxy-authorization", format!("Bearer {token}")),
        attempt().header("x-forwarded-user", "root@example.org").header("x-original-url", "/"),
    ]
}
