//! Sensitive changes need a recent authentication that is as strong as the user can give.

use std::sync::Arc;

use inwren_domain::kernel::Clock as _;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, ISSUER, PASSWORD, Reply, TestApp, Tokens};
use inwren_tests::authenticator::{Authenticator, totp_code};
use inwren_tests::fixtures::fresh_email;
use serde_json::json;
use time::Duration;

use super::{
    Member, add_passkey, app, assurance, begin_totp, change_password, claims, confirm_totp, enrol_passkey,
    expect_live, expect_step_up, factors, log_in, log_in_by_passkey, member, passkey_options, remove,
    replace_recovery_codes, step_up, text,
};

stories! {
    weak_session_changes_nothing
    stale_session_changes_nothing
    step_up_permits_each_change
    refresh_renews_no_authentication
    factors_need_the_highest_assurance
    password_change_keeps_the_assurance
    without_factor_a_recent_password_suffices
    downgraded_session_loses_its_rights
}

/// Every change of an account's credentials.
const CHANGES: [&str; 7] = ["password", "email", "delete", "totp", "passkey", "codes", "factor"];

async fn attempt(app: &TestApp, tokens: &Tokens, factor: &str, what: &str) -> Reply {
    match what {
        "password" => change_password(app, tokens).await,
        "email" => {
            let body = json!({ "email": fresh_email().as_str() });
            app.put("/users/me").bearer(&tokens.access).json(&body).send().await
        }
        "delete" => app.delete("/users/me").bearer(&tokens.access).send().await,
        "totp" => begin_totp(app, tokens).await,
        "passkey" => passkey_options(app, tokens).await,
        "codes" => replace_recovery_codes(app, tokens).await,
        "factor" => remove(app, tokens, factor).await,
        _ => panic!("{what}"),
    }
}

async fn expect_all_refused(app: &TestApp, tokens: &Tokens, ann: &Member) {
    for what in CHANGES {
        expect_step_up(&attempt(app, tokens, &ann.factor, what).await, "aal2");
    }
    assert_eq!(factors(app, tokens).await["items"].as_array().map(Vec::len), Some(1));
}

/// The session of a thief who knows only the password, or has stolen a token from before the enrolment.
async fn weak_session_changes_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_all_refused(&app, &ann.account.tokens, &ann).await;
    let fresh = step_up(&app, &ann.account.tokens, &json!({ "password": PASSWORD })).await;
    expect_all_refused(&app, &fresh.expect_status(200).tokens(), &ann).await;
    log_in(&app, &ann).await;
}

async fn stale_session_changes_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let begun = begin_totp(&app, &tokens).await.expect_status(201).json();
    let mut device = Authenticator::new();
    let options = passkey_options(&app, &tokens).await.expect_status(200).json();
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    expect_all_refused(&app, &tokens, &ann).await;
    // Nor does it complete what it began.
    let code = totp_code(&text(&begun["secret"]), app.clock.now());
    expect_step_up(&confirm_totp(&app, &tokens, &text(&begun["id"]), &code).await, "aal2");
    let body = json!({ "credential": device.create(&options, ISSUER) });
    expect_step_up(&add_passkey(&app, &tokens, &body).await, "aal2");
    expect_live(&app, &tokens).await;
}

async fn step_up_permits_each_change(store: Arc<dyn Store>) {
    let app = app(store);
    for what in CHANGES {
        let ann = member(&app).await;
        app.clock.advance(Duration::minutes(16));
        let body = json!({ "method": "totp", "code": ann.code(&app, 0) });
        let tokens = step_up(&app, &ann.account.tokens, &body).await.expect_status(200).tokens();
        app.clock.advance(Duration::minutes(15) - Duration::SECOND);
        let reply = attempt(&app, &tokens, &ann.factor, what).await;
        assert!(reply.status < 300, "{what}: {reply}");
    }
}

async fn refresh_renews_no_authentication(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    app.clock.advance(Duration::minutes(16));
    let refreshed = app.refresh(&tokens.refresh).await;
    assert_eq!(claims(&refreshed)["auth_time"], claims(&tokens)["auth_time"]);
    expect_all_refused(&app, &refreshed, &ann).await;
}

/// A user with a passkey that verifies its user can reach `phr`, and must for a change of the factors.
async fn factors_need_the_highest_assurance(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &log_in(&app, &ann).await, &mut device).await;
    let by_code = log_in(&app, &ann).await;
    for what in ["totp", "passkey", "codes", "factor"] {
        expect_step_up(&attempt(&app, &by_code, &ann.factor, what).await, "phr");
    }
    // For the other changes, any second factor suffices.
    let changed = change_password(&app, &by_code).await.expect_status(200).tokens();
    assert_eq!(assurance(&changed).0, "aal2");
    let by_passkey = log_in_by_passkey(&app, &mut device).await;
    remove(&app, &by_passkey, &ann.factor).await.expect_done();
}

async fn password_change_keeps_the_assurance(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    app.clock.advance(Duration::minutes(10));
    let changed = change_password(&app, &tokens).await.expect_status(200).tokens();
    let (before, after) = (claims(&tokens), claims(&changed));
    for claim in ["sid", "acr", "amr", "auth_time"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    app.clock.advance(Duration::minutes(5) + Duration::SECOND);
    expect_step_up(&replace_recovery_codes(&app, &changed).await, "aal2");
}

async fn without_factor_a_recent_password_suffices(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    for reply in [begin_totp(&app, &ann.tokens).await, passkey_options(&app, &ann.tokens).await] {
        let body = reply.expect_problem(401, "insufficient-user-authentication");
        assert_eq!((&body["max_age"], body.get("acr_values")), (&json!(900), None), "{reply}");
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"max_age="900""#) && !challenge.contains("acr_values"), "{reply}");
    }
    let password = json!({ "password": PASSWORD });
    let tokens = step_up(&app, &ann.tokens, &password).await.expect_status(200).tokens();
    super::enrol_totp(&app, Account { tokens, ..ann }).await;
}

async fn downgraded_session_loses_its_rights(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let password = json!({ "password": PASSWORD });
    let weak = step_up(&app, &tokens, &password).await.expect_status(200).tokens();
    expect_all_refused(&app, &weak, &ann).await;
}
