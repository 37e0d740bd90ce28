//! The activity log of the caller's account.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, Reply, TestApp};
use serde_json::{Value, json};
use time::Duration;

stories! {
    users_see_their_own_events_only
    an_administrator_stays_anonymous
    reuse_of_a_token_names_the_service
    pages_contain_each_event_once
    invalid_parameters_are_named
}

async fn list(app: &TestApp, account: &Account, query: &str) -> Reply {
    app.get(&format!("/users/me/activity?{query}")).bearer(&account.tokens.access).send().await
}

async fn activity(app: &TestApp, account: &Account) -> Vec<Value> {
    let page = list(app, account, "").await.expect_status(200).json();
    assert_eq!(page["next_cursor"], Value::Null, "{page}");
    page["items"].as_array().unwrap().clone()
}

async fn users_see_their_own_events_only(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::MINUTE);
    let bob = app.user_fixture().await;
    let body = json!({ "email": ann.email, "password": "securepassword123" });
    let call = app.post("/auth/login").json(&body).from("2001:db8::7").header("user-agent", "Firefox/999");
    call.send().await.expect_status(200).tokens();
    let seen = activity(&app, &ann).await;
    assert_eq!(seen.len(), 3);
    assert_eq!(
        seen[0],
        json!({
            "id": seen[0]["id"], "occurred_at": "2030-03-17T17:47:40.123457Z", "kind": "logged_in", "actor": "user",
            "session_id": seen[0]["session_id"], "ip_address": "2001:db8::7", "user_agent": "Firefox/999",
        })
    );
    let sessions = app.get("/users/me/sessions").bearer(&ann.tokens.access).send().await.json();
    assert_eq!(seen[0]["session_id"], sessions["items"][0]["id"]);
    assert_eq!(activity(&app, &bob).await.len(), 2);
    // A superuser sees only their own events here, like any other user.
    assert_eq!(activity(&app, &boss).await.len(), 2);
}

async fn an_administrator_stays_anonymous(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::MINUTE);
    let call = app.put(&format!("/admin/users/{}", ann.id)).bearer(&boss.tokens.access).from("198.51.100.7");
    let call = call.header("user-agent", "Boss/1.0").json(&json!({ "tier": "premium" }));
    call.send().await.expect_status(200).json();
    let reply = list(&app, &ann, "").await.expect_status(200);
    let newest = &reply.json()["items"][0];
    assert_eq!((&newest["kind"], &newest["actor"]), (&json!("user_updated"), &json!("administrator")));
    for hidden in [boss.id.as_str(), "198.51.100.7", "Boss/1.0"] {
        assert!(!reply.text().contains(hidden), "{reply}");
    }
    // The change is not an event of the superuser's own account either.
    assert_eq!(activity(&app, &boss).await.len(), 2);
}

async fn reuse_of_a_token_names_the_service(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.refresh_reuse_grace = Duration::ZERO);
    let ann = app.user_fixture().await;
    let other = Account { tokens: app.login(&ann.email).await, ..ann.clone() };
    app.refresh(&ann.tokens.refresh).await;
    app.clock.advance(Duration::MINUTE);
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    let newest = activity(&app, &other).await.remove(0);
    assert_eq!((&newest["kind"], &newest["actor"]), (&json!("refresh_token_reused"), &json!("service")));
    assert_eq!(newest["ip_address"], "192.0.2.1");
}

async fn pages_contain_each_event_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    for _ in 0..4 {
        app.clock.advance(Duration::SECOND);
        app.login(&ann.email).await;
    }
    let all = activity(&app, &ann).await;
    assert_eq!(all.len(), 6);
    let (mut walked, mut query) = (Vec::new(), "?limit=4".to_owned());
    loop {
        let reply = app.get(&format!("/users/me/activity{query}")).bearer(&ann.tokens.access).send().await;
        walked.extend(reply.json()["items"].as_array().unwrap().clone());
        let Some(link) = reply.header("link") else { break };
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(r#">; rel="next""#));
        query = next.expect("a next page").to_owned();
    }
    assert_eq!(walked, all);
}

async fn invalid_parameters_are_named(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    for (query, pointer) in [
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("cursor=x", "/query/cursor"),
        ("limit=1&limit=2", "/query/limit"),
    ] {
        list(&app, &ann, query).await.expect_invalid(&[pointer]);
    }
}
