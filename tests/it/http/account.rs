//! Get, change and close the caller's account.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, Reply, TestApp};
use serde_json::{Value, json};
use time::Duration;

stories! {
    profile_contains_only_public_fields
    an_address_is_changed
    an_address_is_unique
    a_change_of_address_needs_a_recent_login
    without_a_maximum_age_any_login_will_do
    tiers_are_chosen_from_those_for_users
    a_superuser_may_have_any_tier
    nothing_else_can_be_changed
    closing_the_account_is_a_soft_delete
    closing_the_account_needs_a_recent_login
    the_last_superuser_cannot_leave
}

async fn update(app: &TestApp, account: &Account, body: Value) -> Reply {
    app.put("/users/me").bearer(&account.tokens.access).json(&body).send().await
}

async fn close(app: &TestApp, account: &Account) -> Reply {
    app.delete("/users/me").bearer(&account.tokens.access).send().await
}

fn expect_step_up(reply: &Reply, max_age: u32) {
    reply.expect_problem(401, "insufficient-user-authentication");
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(r#"Bearer error="insufficient_user_authentication""#), "{challenge}");
    assert!(challenge.ends_with(&format!(r#"max_age="{max_age}""#)), "{challenge}");
}

async fn profile_contains_only_public_fields(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, admin) = (app.user_fixture().await, app.superuser().await);
    let user = app.me(&ann.tokens.access).await.expect_status(200).json();
    assert_eq!(user["id"], ann.id);
    assert_eq!(user["email"], ann.email);
    let names = |user: &Value| {
        let mut names: Vec<String> = user.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        names
    };
    assert_eq!(
        names(&user),
        ["created_at", "email", "email_verified", "id", "is_active", "is_superuser", "tier"]
    );
    assert_eq!(user["is_superuser"], false);
    let admin = app.me(&admin.tokens.access).await.json();
    assert_eq!((names(&admin), &admin["is_superuser"]), (names(&user), &json!(true)));
}

async fn an_address_is_changed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let user = update(&app, &ann, json!({ "email": " New@Example.org" })).await.expect_status(200).json();
    assert_eq!(user["email"], "New@Example.org");
    assert_eq!(app.me(&ann.tokens.access).await.json(), user, "the session goes on");
    app.login("new@example.org").await;
    app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    // The former address is free again. The account can also change the spelling of its new address.
    app.register(&ann.email).await;
    let user = update(&app, &ann, json!({ "email": "NEW@example.org" })).await.expect_status(200).json();
    assert_eq!(user["email"], "NEW@example.org");
    for email in ["", "x", "a@b", "a\u{0}@example.org"] {
        update(&app, &ann, json!({ "email": email })).await.expect_invalid(&["/email"]);
    }
}

async fn an_address_is_unique(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    for email in [bob.email.clone(), bob.email.to_uppercase()] {
        update(&app, &ann, json!({ "email": email })).await.expect_problem(409, "email-taken");
    }
    assert_eq!(app.me(&ann.tokens.access).await.json()["email"], ann.email);
    // A closed account keeps its address.
    close(&app, &bob).await.expect_done();
    update(&app, &ann, json!({ "email": bob.email })).await.expect_problem(409, "email-taken");
}

async fn a_change_of_address_needs_a_recent_login(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(15) - Duration::SECOND);
    let user = update(&app, &ann, json!({ "email": "second@example.org" })).await.expect_status(200).json();
    app.clock.advance(Duration::SECOND * 2);
    expect_step_up(&update(&app, &ann, json!({ "email": "third@example.org" })).await, 900);
    assert_eq!(app.me(&ann.tokens.access).await.json(), user);
    // A request that does not change the address needs no recent login.
    for body in [json!({ "email": "second@example.org" }), json!({ "tier": "free" }), json!({})] {
        update(&app, &ann, body).await.expect_status(200).json();
    }
    let fresh = Account { tokens: app.login("second@example.org").await, ..ann };
    update(&app, &fresh, json!({ "email": "third@example.org" })).await.expect_status(200).json();
}

async fn without_a_maximum_age_any_login_will_do(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.reauthentication_max_age = Duration::ZERO);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(29));
    update(&app, &ann, json!({ "email": "second@example.org" })).await.expect_status(200).json();
    close(&app, &ann).await.expect_done();
}

async fn tiers_are_chosen_from_those_for_users(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, admin) = (app.user_fixture().await, app.superuser().await);
    for tier in ["premium", "enterprise"] {
        update(&app, &ann, json!({ "tier": tier })).await.expect_problem(403, "tier-not-self-service");
    }
    for tier in [json!("gold"), json!(""), json!("Free"), json!(["free"]), json!(true)] {
        update(&app, &ann, json!({ "tier": tier })).await.expect_invalid(&["/tier"]);
    }
    // The service rejects the whole request, so the address stays unchanged too.
    let both = json!({ "email": "new@example.org", "tier": "premium" });
    update(&app, &ann, both).await.expect_problem(403, "tier-not-self-service");
    assert_eq!(app.me(&ann.tokens.access).await.json()["email"], ann.email);
    // A user with a tier that an administrator assigned may return to a self-service tier.
    let path = format!("/admin/users/{}", ann.id);
    let call = app.put(&path).bearer(&admin.tokens.access).json(&json!({ "tier": "premium" }));
    call.send().await.expect_status(200).json();
    let kept = update(&app, &ann, json!({ "tier": "premium" })).await.expect_status(200).json();
    assert_eq!(kept["tier"], "premium");
    assert_eq!(update(&app, &ann, json!({ "tier": "free" })).await.json()["tier"], "free");
    update(&app, &ann, json!({ "tier": "premium" })).await.expect_problem(403, "tier-not-self-service");
}

async fn a_superuser_may_have_any_tier(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for tier in ["premium", "enterprise", "free"] {
        assert_eq!(update(&app, &admin, json!({ "tier": tier })).await.json()["tier"], tier);
    }
    update(&app, &admin, json!({ "tier": "gold" })).await.expect_invalid(&["/tier"]);
}

async fn nothing_else_can_be_changed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let before = app.me(&ann.tokens.access).await.json();
    for field in ["is_superuser", "is_active", "id", "password", "hashed_password", "created_at"] {
        let pointer = format!("/{field}");
        update(&app, &ann, json!({ field: true, "email": "new@example.org" }))
            .await
            .expect_invalid(&[&pointer]);
    }
    for body in [json!({}), json!({ "email": null, "tier": null })] {
        assert_eq!(update(&app, &ann, body).await.expect_status(200).json(), before);
    }
}

async fn closing_the_account_is_a_soft_delete(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, admin) = (app.user_fixture().await, app.superuser().await);
    let other = app.login(&ann.email).await;
    close(&app, &ann).await.expect_done();
    for tokens in [&ann.tokens, &other] {
        app.me(&tokens.access).await.expect_invalid_token();
        app.try_refresh(&tokens.refresh).await.expect_invalid_token();
    }
    app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    let again = json!({ "email": ann.email, "password": PASSWORD });
    app.post("/auth/register").json(&again).send().await.expect_problem(409, "email-taken");
    let path = format!("/admin/users/{}", ann.id);
    let user = app.get(&path).bearer(&admin.tokens.access).send().await.expect_status(200).json();
    assert_eq!((&user["is_active"], &user["email"]), (&json!(false), &json!(ann.email)));
    // After reactivation the user logs in again: the earlier sessions stay revoked.
    let call = app.put(&path).bearer(&admin.tokens.access).json(&json!({ "is_active": true }));
    call.send().await.expect_status(200).json();
    app.me(&ann.tokens.access).await.expect_invalid_token();
    app.try_refresh(&other.refresh).await.expect_invalid_token();
    app.login(&ann.email).await;
}

async fn closing_the_account_needs_a_recent_login(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    expect_step_up(&close(&app, &ann).await, 900);
    let fresh = Account { tokens: app.login(&ann.email).await, ..ann };
    close(&app, &fresh).await.expect_done();
}

async fn the_last_superuser_cannot_leave(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (first, second) = (app.superuser().await, app.superuser().await);
    close(&app, &first).await.expect_done();
    close(&app, &second).await.expect_problem(409, "last-superuser");
    app.me(&second.tokens.access).await.expect_status(200).json();
}
