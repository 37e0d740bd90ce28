//! Callers without permission try every operation of the OpenAPI document.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{LEEWAY_SECONDS, Operation, TestApp};
use serde_json::json;
use time::Duration;

use super::protected::{attempt, expect_missing_token};
use crate::forgeries;

stories! {
    every_operation_is_known
    protected_operations_require_a_valid_token
    a_plain_user_does_not_administer
}

/// Callers that may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Public,
    /// Applications, on behalf of their users.
    Applications,
    Users,
    Superusers,
}

/// All operations. A new operation fails the test until its author adds it here with its permitted callers.
const OPERATIONS: [(&str, For); 68] = [
    ("register", For::Public),
    ("login", For::Public),
    ("create_access_token", For::Public),
    ("refresh", For::Public),
    ("revoke_token", For::Public),
    ("get_jwks", For::Public),
    ("get_server_metadata", For::Public),
    ("get_openid_configuration", For::Public),
    ("get_service_info", For::Public),
    ("get_health", For::Public),
    ("get_liveness", For::Public),
    ("verify_email", For::Public),
    ("resend_verification", For::Public),
    ("forgot_password", For::Public),
    ("reset_password", For::Public),
    ("confirm_email_change", For::Public),
    ("undo_email_change", For::Public),
    ("accept_invitation", For::Public),
    ("login_with_factor", For::Public),
    ("start_passkey_login", For::Public),
    ("login_with_passkey", For::Public),
    ("request_factor_removal", For::Public),
    ("cancel_factor_removal", For::Public),
    ("get_passkey_origins", For::Public),
    ("oauth_token", For::Public),
    ("get_userinfo", For::Applications),
    ("post_userinfo", For::Applications),
    ("logout", For::Users),
    ("get_current_user", For::Users),
    ("update_current_user", For::Users),
    ("change_password", For::Users),
    ("delete_current_user", For::Users),
    ("list_sessions", For::Users),
    ("revoke_session", For::Users),
    ("revoke_other_sessions", For::Users),
    ("list_activity", For::Users),
    ("list_grants", For::Users),
    ("revoke_grant", For::Users),
    ("start_step_up", For::Users),
    ("step_up", For::Users),
    ("list_factors", For::Users),
    ("rename_factor", For::Users),
    ("remove_factor", For::Users),
    ("add_totp", For::Users),
    ("confirm_totp", For::Users),
    ("start_passkey_enrolment", For::Users),
    ("add_passkey", For::Users),
    ("replace_recovery_codes", For::Users),
    ("introspect_token", For::Superusers),
    ("list_users", For::Superusers),
    ("get_user", For::Superusers),
    ("update_user", For::Superusers),
    ("delete_user", For::Superusers),
    ("list_user_sessions", For::Superusers),
    ("revoke_user_sessions", For::Superusers),
    ("list_audit_events", For::Superusers),
    ("invite_user", For::Superusers),
    ("send_password_reset", For::Superusers),
    ("reset_user_factors", For::Superusers),
    ("list_letters", For::Superusers),
    ("retry_letter", For::Superusers),
    ("list_clients", For::Superusers),
    ("create_client", For::Superusers),
    ("get_client", For::Superusers),
    ("update_client", For::Superusers),
    ("delete_client", For::Superusers),
    ("create_client_secret", For::Superusers),
    ("delete_client_secret", For::Superusers),
];

fn who(operation: &Operation) -> For {
    let known = OPERATIONS.iter().find(|(id, _)| *id == operation.id());
    known.unwrap_or_else(|| panic!("say who {} is for", operation.id())).1
}

async fn every_operation_is_known(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let operations = app.contract().operations();
    for operation in &operations {
        let public = who(operation) == For::Public;
        assert_eq!(operation.is_protected(), !public, "{}", operation.id());
    }
    for (id, _) in OPERATIONS {
        assert!(operations.iter().any(|operation| operation.id() == id), "{id} is gone");
    }
}

async fn protected_operations_require_a_valid_token(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let foreign = forgeries::foreign(&admin.tokens.access);
    let before = async |operation: &Operation| {
        expect_missing_token(&attempt(&app, operation).send().await, operation);
        attempt(&app, operation).bearer(&foreign).send().await.expect_invalid_token();
        attempt(&app, operation).bearer(&admin.tokens.refresh).send().await.expect_invalid_token();
    };
    for operation in app.contract().operations() {
        if who(&operation) != For::Public {
            before(&operation).await;
        }
    }
    app.clock.advance(Duration::minutes(30) + Duration::seconds(LEEWAY_SECONDS));
    for operation in app.contract().operations() {
        if who(&operation) != For::Public {
            attempt(&app, &operation).bearer(&admin.tokens.access).send().await.expect_invalid_token();
        }
    }
}

async fn a_plain_user_does_not_administer(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for operation in app.contract().operations() {
        // Some operations end the session or the account, so each gets a new user.
        let ann = app.user_fixture().await;
        let reply = attempt(&app, &operation).bearer(&ann.tokens.access).send().await;
        match who(&operation) {
            For::Superusers => {
                reply.expect_problem(403, "not-permitted");
                let aimed = app.call(&operation.method, &operation.path_with(&admin.id)).json(&json!({}));
                aimed.bearer(&ann.tokens.access).send().await.expect_problem(403, "not-permitted");
            }
            // Each operation has authenticated the caller, and then rejects the invalid request or performs it.
            For::Users => assert!(![401, 403].contains(&reply.status), "{reply}"),
            For::Applications => reply.expect_invalid_token(),
            For::Public => assert_ne!(reply.status, 403, "{reply}"),
        }
    }
}
