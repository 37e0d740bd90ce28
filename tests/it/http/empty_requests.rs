//! An empty request skips no check: each operation requires the data that it needs.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Operation, TestApp};

stories! {
    nothing_is_done_for_a_request_with_nothing_in_it
}

/// Empty bodies, as media type and content.
const NOTHING: [(&str, &str); 8] = [
    ("application/json", ""),
    ("application/json", "{}"),
    ("application/json", "null"),
    ("application/json", "[]"),
    ("application/x-www-form-urlencoded", ""),
    ("application/x-www-form-urlencoded", "="),
    ("application/x-www-form-urlencoded", "grant_type="),
    ("text/plain", ""),
];

fn takes_body(operation: &Operation) -> bool {
    operation.about["requestBody"].is_object()
}

async fn nothing_is_done_for_a_request_with_nothing_in_it(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let before = app.me(&admin.tokens.access).await.json();
    let operations = app.contract().operations();
    assert!(operations.iter().filter(|operation| takes_body(operation)).count() >= 9);
    for operation in operations.iter().filter(|operation| takes_body(operation)) {
        let path = operation.path_with(&admin.id);
        for (media_type, body) in NOTHING {
            let call = app.call(&operation.method, &path).bearer(&admin.tokens.access);
            let reply = call.body(media_type, body).send().await;
            // An update that changes nothing is a valid request, and so is a new authenticator app without a name: it
            // counts for nothing until a code has confirmed it.
            // There is no client with this id.
            let is_update = operation.method == "PUT" && operation.id() != "update_client";
            let is_valid = is_update || operation.id() == "add_totp";
            assert_eq!(reply.status < 400, is_valid && body == "{}", "{media_type} {body:?}: {reply}");
        }
        let reply = app.call(&operation.method, &path).bearer(&admin.tokens.access).send().await;
        // A request for a letter may have no body, but this service has no mail.
        let needs_mail = operation.id() == "resend_verification";
        let expected = match operation.id() {
            "add_totp" => reply.status == 201,
            _ => (400..500).contains(&reply.status) || needs_mail && reply.status == 501,
        };
        assert!(expected, "{reply}");
    }
    assert_eq!(app.me(&admin.tokens.access).await.expect_status(200).json(), before);
}
