//! Administration: get, change and delete a single user.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, Reply, TestApp};
use serde_json::{Value, json};
use time::Duration;

stories! {
    a_superuser_sees_a_user
    a_user_is_changed
    a_change_is_checked
    superuser_cannot_set_a_password
    deactivation_ends_all_sessions_at_once
    a_demotion_ends_all_sessions_at_once
    a_promotion_holds_at_once
    a_deletion_is_for_good
    reused_address_makes_a_new_user
    sessions_are_seen_and_ended
    the_own_account_needs_a_recent_login_here_too
    the_last_superuser_stays
    the_last_superuser_stays_however_many_try
    unknown_user_is_not_found
}

fn path(account: &Account) -> String {
    format!("/admin/users/{}", account.id)
}

async fn get(app: &TestApp, admin: &Account, of: &Account) -> Reply {
    app.get(&path(of)).bearer(&admin.tokens.access).send().await
}

async fn update(app: &TestApp, admin: &Account, of: &Account, body: Value) -> Reply {
    app.put(&path(of)).bearer(&admin.tokens.access).json(&body).send().await
}

async fn delete(app: &TestApp, admin: &Account, of: &Account) -> Reply {
    app.delete(&path(of)).bearer(&admin.tokens.access).send().await
}

async fn expect_logged_out(app: &TestApp, account: &Account) {
    app.me(&account.tokens.access).await.expect_invalid_token();
    app.try_refresh(&account.tokens.refresh).await.expect_invalid_token();
}

async fn a_superuser_sees_a_user(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    let user = get(&app, &admin, &ann).await.expect_status(200).json();
    let created = "2030-03-17T17:46:40.123457Z";
    assert_eq!(
        user,
        json!({
            "id": ann.id, "email": ann.email, "email_verified": false, "email_undeliverable": false,
            "tier": "free", "is_active": true, "is_superuser": false,
            "created_at": created, "updated_at": created,
        })
    );
    assert_eq!(get(&app, &admin, &admin).await.json()["is_superuser"], true);
}

async fn a_user_is_changed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::MINUTE);
    let body = json!({ "email": "New@example.org", "tier": "enterprise" });
    let user = update(&app, &admin, &ann, body).await.expect_status(200).json();
    assert_eq!((&user["email"], &user["tier"]), (&json!("New@example.org"), &json!("enterprise")));
    assert_eq!(user["updated_at"], "2030-03-17T17:47:40.123457Z");
    assert_eq!(get(&app, &admin, &ann).await.json(), user);
    app.clock.advance(Duration::MINUTE);
    for body in [json!({}), json!({ "email": null, "is_active": null }), json!({ "is_active": true })] {
        assert_eq!(update(&app, &admin, &ann, body).await.expect_status(200).json(), user);
    }
    // A change that removes no right revokes no session.
    app.me(&ann.tokens.access).await.expect_status(200).json();
    // A superuser may change another account without a recent login.
    app.clock.advance(Duration::minutes(20));
    update(&app, &admin, &ann, json!({ "email": "b@example.org" })).await.expect_status(200).json();
}

async fn a_change_is_checked(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    let taken = json!({ "email": admin.email.to_uppercase() });
    update(&app, &admin, &ann, taken).await.expect_problem(409, "email-taken");
    let wrong = [
        (json!({ "email": "x" }), "/email"),
        (json!({ "email": "" }), "/email"),
        (json!({ "email": false }), "/email"),
        (json!({ "tier": "gold" }), "/tier"),
        (json!({ "tier": 1 }), "/tier"),
        (json!({ "is_active": "false" }), "/is_active"),
        (json!({ "is_active": 0 }), "/is_active"),
        (json!({ "is_superuser": "true" }), "/is_superuser"),
        (json!({ "is_superuser": {} }), "/is_superuser"),
        (json!({ "password": PASSWORD }), "/password"),
        (json!({ "hashed_password": "x" }), "/hashed_password"),
        (json!({ "id": admin.id }), "/id"),
    ];
    let before = get(&app, &admin, &ann).await.json();
    for (body, pointer) in wrong {
        update(&app, &admin, &ann, body).await.expect_invalid(&[pointer]);
    }
    assert_eq!(get(&app, &admin, &ann).await.json(), before);
}

async fn deactivation_ends_all_sessions_at_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    let second = Account { tokens: app.login(&ann.email).await, ..ann.clone() };
    let user = update(&app, &admin, &ann, json!({ "is_active": false })).await.expect_status(200).json();
    assert_eq!(user["is_active"], false);
    expect_logged_out(&app, &ann).await;
    expect_logged_out(&app, &second).await;
    app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    let form = [("username", ann.email.as_str()), ("password", PASSWORD)];
    app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
    update(&app, &admin, &ann, json!({ "is_active": true })).await.expect_status(200).json();
    expect_logged_out(&app, &ann).await;
    app.login(&ann.email).await;
}

async fn a_demotion_ends_all_sessions_at_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, other) = (app.superuser().await, app.superuser().await);
    update(&app, &admin, &other, json!({ "is_superuser": false })).await.expect_status(200).json();
    expect_logged_out(&app, &other).await;
    let again = Account { tokens: app.login(&other.email).await, ..other };
    get(&app, &again, &admin).await.expect_problem(403, "not-permitted");
}

async fn a_promotion_holds_at_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    let reply = get(&app, &ann, &admin).await;
    reply.expect_problem(403, "not-permitted");
    assert_eq!(reply.header("www-authenticate"), Some(r#"Bearer error="insufficient_scope""#));
    update(&app, &admin, &ann, json!({ "is_superuser": true })).await.expect_status(200).json();
    get(&app, &ann, &admin).await.expect_status(200).json();
}

async fn a_deletion_is_for_good(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    delete(&app, &admin, &ann).await.expect_done();
    expect_logged_out(&app, &ann).await;
    get(&app, &admin, &ann).await.expect_problem(404, "not-found");
    delete(&app, &admin, &ann).await.expect_problem(404, "not-found");
    app.try_login(&ann.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
    // The address is free, and a new account with it has a different id.
    let user = app.register(&ann.email).await;
    assert_ne!(user["id"], ann.id);
    expect_logged_out(&app, &ann).await;
}

async fn sessions_are_seen_and_ended(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::MINUTE);
    let second = Account { tokens: app.login(&ann.email).await, ..ann.clone() };
    let sessions = format!("{}/sessions", path(&ann));
    let list =
        async || app.get(&sessions).bearer(&admin.tokens.access).send().await.expect_status(200).json();
    let body = list().await;
    let items = body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["created_at"], "2030-03-17T17:47:40.123457Z");
    assert!(items.iter().all(|item| item["current"] == false));
    for _ in 0..2 {
        app.delete(&sessions).bearer(&admin.tokens.access).send().await.expect_done();
        assert_eq!(list().await, json!({ "items": [], "next_cursor": null }));
    }
    expect_logged_out(&app, &ann).await;
    expect_logged_out(&app, &second).await;
    // Superusers see their own sessions here as they do at `/users/me/sessions`.
    let own = format!("{}/sessions", path(&admin));
    let own = app.get(&own).bearer(&admin.tokens.access).send().await.expect_status(200).json();
    assert_eq!(own["items"][0]["current"], true);
    app.login(&ann.email).await;
    get(&app, &admin, &ann).await.expect_status(200).json();
}

/// The administration operations do not bypass the rules for the caller's own account.
async fn the_own_account_needs_a_recent_login_here_too(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, other) = (app.superuser().await, app.superuser().await);
    app.clock.advance(Duration::minutes(15) + Duration::SECOND);
    let expect_step_up = |reply: &Reply| reply.expect_problem(401, "insufficient-user-authentication");
    for change in [json!({ "email": "mine@example.org" }), json!({ "is_active": false })] {
        expect_step_up(&update(&app, &admin, &admin, change).await);
    }
    expect_step_up(&delete(&app, &admin, &admin).await);
    // A superuser cannot bypass the rule through a second superuser account that they create for this purpose.
    let ann = app.user_fixture().await;
    expect_step_up(&update(&app, &admin, &ann, json!({ "is_superuser": true })).await);
    // Requests without such a change need no recent login, and neither do other changes to another account.
    for change in [json!({}), json!({ "email": admin.email }), json!({ "tier": "premium" })] {
        update(&app, &admin, &admin, change).await.expect_status(200).json();
    }
    update(&app, &admin, &other, json!({ "email": "theirs@example.org" })).await.expect_status(200).json();
    let fresh = Account { tokens: app.login(&admin.email).await, ..admin };
    update(&app, &fresh, &fresh, json!({ "email": "mine@example.org" })).await.expect_status(200).json();
    update(&app, &fresh, &ann, json!({ "is_superuser": true })).await.expect_status(200).json();
    delete(&app, &fresh, &fresh).await.expect_done();
}

async fn the_last_superuser_stays(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, other) = (app.superuser().await, app.superuser().await);
    update(&app, &admin, &other, json!({ "is_active": false })).await.expect_status(200).json();
    for change in [json!({ "is_active": false }), json!({ "is_superuser": false })] {
        update(&app, &admin, &admin, change).await.expect_problem(409, "last-superuser");
    }
    let both = json!({ "is_superuser": false, "tier": "premium" });
    update(&app, &admin, &admin, both).await.expect_problem(409, "last-superuser");
    delete(&app, &admin, &admin).await.expect_problem(409, "last-superuser");
    let user = get(&app, &admin, &admin).await.expect_status(200).json();
    assert_eq!(
        (&user["is_active"], &user["is_superuser"], &user["tier"]),
        (&json!(true), &json!(true), &json!("free"))
    );
    // When another superuser is active, this one can be deleted.
    update(&app, &admin, &other, json!({ "is_active": true })).await.expect_status(200).json();
    delete(&app, &admin, &admin).await.expect_done();
}

async fn the_last_superuser_stays_however_many_try(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admins = [app.superuser().await, app.superuser().await, app.superuser().await];
    let demote = async |n: usize| {
        let (caller, next) = (&admins[n], &admins[(n + 1) % 3]);
        update(&app, caller, next, json!({ "is_superuser": false })).await
    };
    for reply in <[Reply; 3]>::from(tokio::join!(demote(0), demote(1), demote(2))) {
        assert!([200, 401, 403, 409].contains(&reply.status), "{reply}");
    }
    let mut left = 0;
    for admin in admins {
        let again = Account { tokens: app.login(&admin.email).await, ..admin };
        left += usize::from(get(&app, &again, &again).await.status == 200);
    }
    assert!(left >= 1);
}

async fn unknown_user_is_not_found(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let token = &admin.tokens.access;
    let paths = ["/admin/users/{}", "/admin/users/{}/sessions"];
    for path in paths.map(|path| path.replace("{}", "00000000-0000-7000-8000-000000000000")) {
        app.get(&path).bearer(token).send().await.expect_problem(404, "not-found");
        app.delete(&path).bearer(token).send().await.expect_problem(404, "not-found");
    }
    let nobody = Account { id: "00000000-0000-7000-8000-000000000000".to_owned(), ..admin.clone() };
    for body in [json!({}), json!({ "is_active": false }), json!({ "tier": "premium" })] {
        update(&app, &admin, &nobody, body).await.expect_problem(404, "not-found");
    }
    for rubbish in ["1", "x", "%00", "%27%20OR%201=1"] {
        for path in paths.map(|path| path.replace("{}", rubbish)) {
            app.get(&path).bearer(token).send().await.expect_invalid(&["/path/user_id"]);
            app.delete(&path).bearer(token).send().await.expect_invalid(&["/path/user_id"]);
        }
    }
}

/// A new account with a reused address inherits nothing from the old one: no id, session, token, right or tier.
async fn reused_address_makes_a_new_user(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, old) = (app.superuser().await, app.superuser().await);
    let change = json!({ "tier": "enterprise" });
    update(&app, &boss, &old, change).await.expect_status(200).json();
    delete(&app, &boss, &old).await.expect_done();
    let user = app.register(&old.email).await;
    assert_ne!(user["id"], old.id.as_str());
    let new = app.login(&old.email).await;
    app.me(&old.tokens.access).await.expect_invalid_token();
    app.try_refresh(&old.tokens.refresh).await.expect_invalid_token();
    let sessions = app.get("/users/me/sessions").bearer(&new.access).send().await.expect_status(200).json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    assert_eq!(app.me(&new.access).await.json()["tier"], "free");
    app.get("/admin/users").bearer(&new.access).send().await.expect_problem(403, "not-permitted");
    get(&app, &boss, &old).await.expect_problem(404, "not-found");
}

async fn superuser_cannot_set_a_password(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    for field in ["password", "new_password", "hashed_password", "credential_version"] {
        let reply = update(&app, &boss, &ann, json!({ field: "chosen by the boss" })).await;
        reply.expect_invalid(&[&format!("/{field}")]);
    }
    app.try_login(&ann.email, "chosen by the boss").await.expect_problem(401, "invalid-credentials");
    app.login(&ann.email).await;
}
