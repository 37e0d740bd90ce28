//! Superusers remove the factors of users who have lost them.

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp, Tokens};
use serde_json::{Value, json};
use time::Duration;

use super::{
    app, enrol_totp, events, expect_ended, expect_live, expect_step_up, factors, letters, log_in, member,
    strong_superuser,
};

stories! {
    reset_removes_all_factors
    reset_is_recorded_with_its_reason
    superuser_needs_a_recent_second_factor
    own_factors_are_not_reset
    reason_is_required
    user_without_factor_stays_as_they_are
    plain_user_resets_nothing
    sensitive_administration_needs_the_factor
}

async fn reset(app: &TestApp, tokens: &Tokens, id: &str, body: &Value) -> Reply {
    app.delete(&format!("/admin/users/{id}/factors")).bearer(&tokens.access).json(body).send().await
}

fn because(reason: &str) -> Value {
    json!({ "reason": reason })
}

async fn reset_removes_all_factors(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, boss) = strong_superuser(&app).await;
    let (ann, bob) = (member(&app).await, member(&app).await);
    let strong = log_in(&app, &ann).await;
    reset(&app, &boss, &ann.account.id, &because("Phone lost")).await.expect_done();
    for tokens in [&ann.account.tokens, &strong] {
        expect_ended(&app, tokens).await;
    }
    let tokens = app.login(ann.email()).await;
    assert_eq!(factors(&app, &tokens).await, json!({ "items": [], "recovery_codes_left": 0 }));
    assert_eq!(letters(&app, ann.email(), "factors_reset").await, 1);
    // No other user is affected, and the user can enrol again.
    expect_live(&app, &bob.account.tokens).await;
    log_in(&app, &bob).await;
    let again = enrol_totp(&app, inwren_tests::app::Account { tokens, ..ann.account }).await;
    assert_eq!(again.recovery_codes.len(), 10);
    log_in(&app, &again).await;
}

async fn reset_is_recorded_with_its_reason(store: Arc<dyn Store>) {
    let app = app(store);
    let (admin, boss) = strong_superuser(&app).await;
    let ann = member(&app).await;
    reset(&app, &boss, &ann.account.id, &because(" Identity card seen. ")).await.expect_done();
    let found = events(&app, &ann.account, AuditEventKind::FactorsReset).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reason.as_deref(), Some("Identity card seen."));
    assert_eq!(found[0].actor_id.map(|id| id.to_string()), Some(admin.account.id.clone()));
    // Users learn of it, and not by whom.
    let tokens = app.login(ann.email()).await;
    let activity = app.get("/users/me/activity").bearer(&tokens.access).send().await.expect_status(200);
    let items = activity.json()["items"].clone();
    let event = items.as_array().unwrap().iter().find(|event| event["kind"] == "factors_reset").cloned();
    assert_eq!(event.expect("an event")["actor"], "administrator");
    assert!(!activity.text().contains(&admin.account.id), "{activity}");
}

async fn superuser_needs_a_recent_second_factor(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let reason = because("Phone lost");
    // Without a factor of their own, superusers reset none.
    let weak = app.superuser().await;
    expect_step_up(&reset(&app, &weak.tokens, &ann.account.id, &reason).await, "aal2");
    let (boss, strong) = strong_superuser(&app).await;
    expect_step_up(&reset(&app, &boss.account.tokens, &ann.account.id, &reason).await, "aal2");
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    expect_step_up(&reset(&app, &strong, &ann.account.id, &reason).await, "aal2");
    super::first_step(&app, ann.email()).await;
    let body = json!({ "method": "totp", "code": boss.code(&app, 0) });
    let fresh = super::step_up(&app, &strong, &body).await.expect_status(200).tokens();
    reset(&app, &fresh, &ann.account.id, &reason).await.expect_done();
}

async fn own_factors_are_not_reset(store: Arc<dyn Store>) {
    let app = app(store);
    let (boss, tokens) = strong_superuser(&app).await;
    let reply = reset(&app, &tokens, &boss.account.id, &because("Phone lost")).await;
    reply.expect_problem(409, "own-factors");
    log_in(&app, &boss).await;
}

async fn reason_is_required(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, boss) = strong_superuser(&app).await;
    let ann = member(&app).await;
    for body in [
        json!({}),
        json!({ "reason": null }),
        because(""),
        because("  "),
        because("a\nb"),
        because(&"x".repeat(501)),
        json!({ "reason": 1 }),
    ] {
        reset(&app, &boss, &ann.account.id, &body).await.expect_invalid(&["/reason"]);
    }
    log_in(&app, &ann).await;
    reset(&app, &boss, &ann.account.id, &because(&"ü".repeat(500))).await.expect_done();
}

async fn user_without_factor_stays_as_they_are(store: Arc<dyn Store>) {
    let app = app(store);
    let (_, boss) = strong_superuser(&app).await;
    let ann = app.user_fixture().await;
    reset(&app, &boss, &ann.id, &because("Phone lost")).await.expect_done();
    expect_live(&app, &ann.tokens).await;
    assert!(events(&app, &ann, AuditEventKind::FactorsReset).await.is_empty());
    let unknown = reset(&app, &boss, "00000000-0000-7000-8000-000000000000", &because("Phone lost")).await;
    unknown.expect_problem(404, "not-found");
}

async fn plain_user_resets_nothing(store: Arc<dyn Store>) {
    let app = app(store);
    let (ann, bob) = (member(&app).await, member(&app).await);
    let tokens = log_in(&app, &ann).await;
    for id in [&ann.account.id, &bob.account.id] {
        let reply = reset(&app, &tokens, id, &because("Phone lost")).await;
        reply.expect_problem(403, "not-permitted");
    }
    log_in(&app, &bob).await;
}

/// A superuser who has a factor must show it for what needs a recent login.
async fn sensitive_administration_needs_the_factor(store: Arc<dyn Store>) {
    let app = app(store);
    let (boss, strong) = strong_superuser(&app).await;
    let ann = app.user_fixture().await;
    let path = format!("/admin/users/{}/password-reset", ann.id);
    let send = async |tokens: &Tokens| app.post(&path).bearer(&tokens.access).send().await;
    expect_step_up(&send(&boss.account.tokens).await, "aal2");
    send(&strong).await.expect_status(202).text();
    let promote = async |tokens: &Tokens| {
        let call = app.put(&format!("/admin/users/{}", ann.id)).bearer(&tokens.access);
        call.json(&json!({ "is_superuser": true })).send().await
    };
    expect_step_up(&promote(&boss.account.tokens).await, "aal2");
    promote(&strong).await.expect_status(200).json();
}
