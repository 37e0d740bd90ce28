//! Accounts that must have a second factor and have none get a session that can only enrol one.

use std::sync::Arc;

use inwren_domain::factor::FactorPolicy;
use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, Account, ISSUER, Operation, PASSWORD, Reply, TestApp, Tokens};
use inwren_tests::authenticator::Authenticator;
use inwren_tests::fixtures::unique;
use serde_json::{Value, json};
use time::Duration;

use super::{
    STEP, app, assurance, change_password, claims, configured, enrol_passkey, enrol_totp, expect_ended,
    expect_live, expect_step_up, factors, log_in, log_in_by_passkey, member, remove, replace_recovery_codes,
    step_up,
};
use crate::http::clients::service;
use crate::http::protected;

stories! {
    session_without_factor_can_only_enrol
    its_token_is_for_this_service_alone
    it_lasts_fifteen_minutes
    two_steps_start_a_usual_session
    step_up_makes_it_a_usual_session
    passkey_login_is_a_usual_session
    policy_for_superusers_spares_others
    policy_reaches_earlier_sessions
    first_factor_ends_earlier_sessions
    first_factor_ends_the_other_enrolments
    removed_factor_limits_its_sessions
    last_factor_stays
    weak_sessions_of_members_stay_usual
}

fn required(store: Arc<dyn Store>, policy: FactorPolicy) -> TestApp {
    configured(store, |factors| factors.required_for = policy)
}

/// The operations of a session that can only enrol.
fn enrols(operation: &Operation) -> bool {
    let path = operation.path.as_str();
    match operation.method.as_str() {
        "GET" => ["/users/me", "/users/me/factors"].contains(&path),
        "POST" => {
            let known = [
                "/users/me/totp",
                "/users/me/passkeys/options",
                "/users/me/passkeys",
                "/auth/logout",
                "/auth/step-up",
                "/auth/step-up/options",
            ];
            known.contains(&path) || path.starts_with("/users/me/totp/") && path.ends_with("/confirm")
        }
        _ => false,
    }
}

async fn sessions(app: &TestApp, tokens: &Tokens) -> Reply {
    app.get("/users/me/sessions").bearer(&tokens.access).send().await
}

async fn expect_only_enrols(app: &TestApp, tokens: &Tokens) {
    sessions(app, tokens).await.expect_problem(403, "factor-enrollment-required");
    app.me(&tokens.access).await.expect_status(200).json();
}

async fn session_without_factor_can_only_enrol(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let mut allowed = 0;
    for account in [app.user_fixture().await, app.superuser().await] {
        for operation in protected::operations(&app) {
            // A logout ends the session.
            let tokens = app.login(&account.email).await;
            let call = protected::attempt(&app, &operation).bearer(&tokens.access);
            let reply = call.send().await;
            if enrols(&operation) {
                assert!(![401, 403].contains(&reply.status), "{reply}");
                allowed += 1;
            } else {
                reply.expect_problem(403, "factor-enrollment-required");
            }
        }
    }
    assert_eq!(allowed, 2 * 9);
    assert_eq!(factors(&app, &app.user_fixture().await.tokens).await["items"], json!([]));
}

async fn its_token_is_for_this_service_alone(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = app.user_fixture().await;
    let refreshed = app.refresh(&ann.tokens.refresh).await;
    let form = [("username", ann.email.as_str()), ("password", PASSWORD)];
    let granted = app.post("/auth/access-token").form(&form).send().await.expect_status(200).tokens();
    let (client, secret) = service(&app, &format!("service-{}", unique())).await;
    let introspect = async |token: &str| -> Value {
        let call = app.post("/auth/introspect").form(&[("token", token)]);
        call.basic(client.id.as_str(), &secret).send().await.expect_status(200).json()
    };
    for tokens in [&ann.tokens, &refreshed, &granted] {
        assert_eq!(claims(tokens)["aud"], ISSUER);
        for token in [&tokens.access, &tokens.refresh] {
            assert_eq!(introspect(token).await, json!({ "active": false }));
        }
        expect_only_enrols(&app, tokens).await;
    }
    let bob = member(&app).await;
    let tokens = log_in(&app, &bob).await;
    assert_eq!(claims(&tokens)["aud"], AUDIENCE);
    for token in [&tokens.access, &tokens.refresh] {
        assert_eq!(introspect(token).await["active"], true);
    }
    // The session of the enrolment has not shown the factor.
    for token in [&bob.account.tokens.access, &bob.account.tokens.refresh] {
        assert_eq!(introspect(token).await, json!({ "active": false }));
    }
}

async fn it_lasts_fifteen_minutes(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = app.user_fixture().await;
    let reply = app.try_login(&ann.email, PASSWORD).await.expect_status(200);
    assert_eq!(reply.json()["expires_in"], 900);
    app.clock.advance(Duration::minutes(14));
    let refreshed = app.refresh(&reply.tokens().refresh).await;
    app.me(&refreshed.access).await.expect_status(200).json();
    app.clock.advance(Duration::minutes(1));
    for tokens in [&refreshed, &reply.tokens()] {
        expect_ended(&app, tokens).await;
    }
}

async fn two_steps_start_a_usual_session(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = member(&app).await;
    // The session of the enrolment never showed the factor.
    expect_only_enrols(&app, &ann.account.tokens).await;
    let tokens = log_in(&app, &ann).await;
    sessions(&app, &tokens).await.expect_status(200).json();
    assert_eq!(claims(&tokens)["aud"], AUDIENCE);
    app.clock.advance(Duration::minutes(20));
    sessions(&app, &app.refresh(&tokens.refresh).await).await.expect_status(200).json();
}

async fn step_up_makes_it_a_usual_session(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = member(&app).await;
    let body = json!({ "method": "totp", "code": ann.code(&app, 1) });
    let tokens = step_up(&app, &ann.account.tokens, &body).await.expect_status(200).tokens();
    assert_eq!((claims(&tokens)["aud"].as_str(), assurance(&tokens).0), (Some(AUDIENCE), json!("aal2")));
    sessions(&app, &tokens).await.expect_status(200).json();
    // It still ends when it had to.
    app.clock.advance(Duration::minutes(15));
    expect_ended(&app, &tokens).await;
}

async fn passkey_login_is_a_usual_session(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = app.user_fixture().await;
    let mut device = Authenticator::new();
    enrol_passkey(&app, &ann.tokens, &mut device).await;
    expect_only_enrols(&app, &ann.tokens).await;
    let tokens = log_in_by_passkey(&app, &mut device).await;
    sessions(&app, &tokens).await.expect_status(200).json();
}

async fn policy_for_superusers_spares_others(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::Superusers);
    let (ann, boss) = (app.user_fixture().await, app.superuser().await);
    sessions(&app, &ann.tokens).await.expect_status(200).json();
    assert_eq!(claims(&ann.tokens)["aud"], AUDIENCE);
    expect_only_enrols(&app, &boss.tokens).await;
    let list = async |tokens: &Tokens| app.get("/admin/users").bearer(&tokens.access).send().await;
    list(&boss.tokens).await.expect_problem(403, "factor-enrollment-required");
    let boss = enrol_totp(&app, boss).await;
    let tokens = log_in(&app, &boss).await;
    list(&tokens).await.expect_status(200).json();
    // A promotion reaches the sessions that the user has.
    let path = format!("/admin/users/{}", ann.id);
    let call = app.put(&path).bearer(&tokens.access).json(&json!({ "is_superuser": true }));
    call.send().await.expect_status(200).json();
    expect_only_enrols(&app, &ann.tokens).await;
}

async fn policy_reaches_earlier_sessions(store: Arc<dyn Store>) {
    let before = app(store.clone());
    let ann = before.user_fixture().await;
    sessions(&before, &ann.tokens).await.expect_status(200).json();
    let after = required(store, FactorPolicy::All);
    expect_only_enrols(&after, &ann.tokens).await;
    let refreshed = after.refresh(&ann.tokens.refresh).await;
    assert_eq!(claims(&refreshed)["aud"], ISSUER);
    expect_only_enrols(&after, &refreshed).await;
}

/// Of the sessions from before the policy, only the one that enrols a factor stays.
async fn first_factor_ends_earlier_sessions(store: Arc<dyn Store>) {
    let before = app(store.clone());
    let (ann, bob) = (before.user_fixture().await, before.user_fixture().await);
    let other = before.login(&ann.email).await;
    // Where the policy demands no factor, the first one ends no session.
    let other_of_bob = before.login(&bob.email).await;
    enrol_totp(&before, bob).await;
    expect_live(&before, &other_of_bob).await;
    let after = required(store, FactorPolicy::All);
    let ann = enrol_totp(&after, ann).await;
    expect_ended(&after, &other).await;
    let tokens = after.refresh(&ann.account.tokens.refresh).await;
    assert_eq!((claims(&tokens)["aud"].as_str(), assurance(&tokens).0), (Some(AUDIENCE), json!("aal1")));
    for tokens in [&ann.account.tokens, &tokens] {
        sessions(&after, tokens).await.expect_status(200).json();
        expect_step_up(&change_password(&after, tokens).await, "aal2");
    }
}

async fn first_factor_ends_the_other_enrolments(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = app.user_fixture().await;
    let other = app.login(&ann.email).await;
    let ann = enrol_totp(&app, ann).await;
    expect_ended(&app, &other).await;
    let tokens = &ann.account.tokens;
    expect_only_enrols(&app, tokens).await;
    let codes = replace_recovery_codes(&app, tokens).await;
    codes.expect_problem(403, "factor-enrollment-required");
    let weak = step_up(&app, tokens, &json!({ "password": PASSWORD })).await.expect_status(200).tokens();
    expect_only_enrols(&app, &weak).await;
    let body = json!({ "method": "totp", "code": ann.code(&app, 1) });
    let tokens = step_up(&app, &weak, &body).await.expect_status(200).tokens();
    sessions(&app, &tokens).await.expect_status(200).json();
    replace_recovery_codes(&app, &tokens).await.expect_status(200).json();
}

/// The session showed a factor that the account no longer had when the policy came.
async fn removed_factor_limits_its_sessions(store: Arc<dyn Store>) {
    let before = app(store.clone());
    let ann = member(&before).await;
    let tokens = log_in(&before, &ann).await;
    assert_eq!(assurance(&tokens).0, "aal2");
    remove(&before, &tokens, &ann.factor).await.expect_done();
    sessions(&before, &tokens).await.expect_status(200).json();
    let after = required(store, FactorPolicy::All);
    after.clock.advance(STEP);
    expect_only_enrols(&after, &tokens).await;
    let refreshed = after.refresh(&tokens.refresh).await;
    assert_eq!(claims(&refreshed)["aud"], ISSUER);
    expect_only_enrols(&after, &refreshed).await;
    let first = ann.account.tokens.clone();
    enrol_totp(&after, Account { tokens: refreshed.clone(), ..ann.account }).await;
    sessions(&after, &refreshed).await.expect_status(200).json();
    expect_ended(&after, &first).await;
}

async fn last_factor_stays(store: Arc<dyn Store>) {
    let app = required(store, FactorPolicy::All);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    remove(&app, &tokens, &ann.factor).await.expect_problem(409, "factor-required");
    let second = enrol_totp(&app, Account { tokens: tokens.clone(), ..ann.account.clone() }).await;
    remove(&app, &tokens, &ann.factor).await.expect_done();
    remove(&app, &tokens, &second.factor).await.expect_problem(409, "factor-required");
    assert_eq!(factors(&app, &tokens).await["recovery_codes_left"], 10);
    log_in(&app, &second).await;
}

/// A trusted device gives `aal1`, and the account has the factor that the policy demands.
async fn weak_sessions_of_members_stay_usual(store: Arc<dyn Store>) {
    let app = configured(store, |factors| {
        factors.required_for = FactorPolicy::All;
        factors.trusted_device_lifetime = Duration::days(1);
    });
    let ann = member(&app).await;
    let asked = super::first_step(&app, ann.email()).await;
    let body = json!({
        "challenge": asked["challenge"], "method": "totp", "code": ann.code(&app, 1), "remember_device": true,
    });
    let device = super::second_step(&app, &body).await.expect_status(200).json()["device_token"].clone();
    let body = json!({ "email": ann.email(), "password": PASSWORD, "device_token": device });
    let tokens = app.post("/auth/login").json(&body).send().await.expect_status(200).tokens();
    assert_eq!(assurance(&tokens).0, "aal1");
    sessions(&app, &tokens).await.expect_status(200).json();
}
