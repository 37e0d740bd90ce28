//! The operations that need a token of the API, and attempts to use them without permission.

use inwren_tests::app::{Call, Operation, Reply, TestApp};
use serde_json::json;

/// All operations that need a token of the API. Only applications read claims.
pub(super) fn operations(app: &TestApp) -> Vec<Operation> {
    let all = app.contract().operations();
    let is_own = |operation: &Operation| operation.is_protected() && operation.path != "/oauth/userinfo";
    let protected: Vec<Operation> = all.into_iter().filter(is_own).collect();
    assert!(protected.len() >= 15, "{protected:?}");
    protected
}

/// A request with invalid content, which the service would reject if it read it. A wrong status shows which check ran
/// first.
pub(super) fn attempt<'a>(app: &'a TestApp, operation: &Operation) -> Call<'a> {
    let call = app.call(&operation.method, &operation.path_with("rubbish"));
    if operation.about["requestBody"].is_object() { call.json(&json!({ "rubbish": 1 })) } else { call }
}

/// Checks that the response reports a missing token and lists the accepted schemes.
#[track_caller]
pub(super) fn expect_missing_token(reply: &Reply, operation: &Operation) {
    reply.expect_problem(401, "missing-token");
    let challenge = if takes_basic(operation) {
        r#"Bearer realm="inwren", Basic realm="inwren""#
    } else {
        r#"Bearer realm="inwren""#
    };
    assert_eq!(reply.header("www-authenticate"), Some(challenge), "{reply}");
}

/// Whether clients may use the operation with their id and secret.
pub(super) fn takes_basic(operation: &Operation) -> bool {
    let schemes = operation.about["security"].as_array();
    schemes.is_some_and(|schemes| schemes.iter().any(|scheme| scheme["client"].is_array()))
}
