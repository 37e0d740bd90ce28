//! The audit log for superusers: pages, filters and their parameters.

use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, Reply, TestApp};
use inwren_tests::fixtures::unique;
use serde_json::{Value, json};
use time::Duration;

use super::clients::service;

stories! {
    an_event_says_who_did_what
    pages_contain_each_event_once
    a_link_leads_to_the_next_page
    events_are_found_by_subject
    events_are_found_by_kind
    a_period_is_half_open
    filters_combine
    an_unknown_kind_gets_all_kinds
    invalid_parameters_are_named
    a_cursor_of_another_list_is_refused
    no_secret_is_listed
    events_stay_when_their_user_is_deleted
}

async fn list(app: &TestApp, admin: &Account, query: &str) -> Reply {
    app.get(&format!("/admin/audit?{query}")).bearer(&admin.tokens.access).send().await
}

async fn page(app: &TestApp, admin: &Account, query: &str) -> Value {
    list(app, admin, query).await.expect_status(200).json()
}

async fn found(app: &TestApp, admin: &Account, query: &str) -> Vec<Value> {
    let page = page(app, admin, query).await;
    assert_eq!(page["next_cursor"], Value::Null, "{page}");
    page["items"].as_array().unwrap().clone()
}

async fn kinds(app: &TestApp, admin: &Account, query: &str) -> Vec<String> {
    let items = found(app, admin, query).await;
    items.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

fn user(account: &Account) -> String {
    format!("user:{}", account.id)
}

async fn an_event_says_who_did_what(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::MINUTE);
    let call = app.put(&format!("/admin/users/{}", ann.id)).bearer(&boss.tokens.access).from("2001:db8::7");
    let call = call.header("user-agent", "Firefox/999").json(&json!({ "tier": "premium" }));
    call.send().await.expect_status(200).json();
    let newest = page(&app, &boss, "limit=1").await["items"][0].clone();
    assert!(newest["id"].as_str().is_some());
    assert_eq!(
        newest,
        json!({
            "id": newest["id"], "occurred_at": "2030-03-17T17:47:40.123457Z", "kind": "user_updated",
            "subject": user(&ann), "actor": user(&boss), "session_id": null, "ip_address": "2001:db8::7",
            "user_agent": "Firefox/999", "reason": null,
        })
    );
    let login = found(&app, &boss, &format!("subject={}&kind=logged_in", ann.id)).await.remove(0);
    assert_eq!((&login["subject"], &login["actor"]), (&json!(user(&ann)), &json!(user(&ann))));
    assert!(login["session_id"].is_string());
}

async fn pages_contain_each_event_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    for _ in 0..5 {
        app.clock.advance(Duration::SECOND);
        app.login(&ann.email).await;
    }
    let all = found(&app, &boss, "").await;
    assert_eq!(all.len(), 9);
    assert!(all.is_sorted_by(|a, b| a["occurred_at"].as_str() >= b["occurred_at"].as_str()), "{all:?}");
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(&app, &boss, &format!("limit=2{cursor}")).await;
        walked.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        app.login(&ann.email).await;
    }
    assert_eq!(walked, all);
}

async fn a_link_leads_to_the_next_page(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::SECOND);
    app.login(&ann.email).await;
    let path = format!("/admin/audit?subject=user%3A{}&limit=2&since=2020-01-01T00:00:00%2B01:00", ann.id);
    let reply = app.get(&path).bearer(&boss.tokens.access).send().await.expect_status(200);
    let link = reply.header("link").expect("a link");
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(r#">; rel="next""#)).unwrap();
    assert!(next.starts_with('?'), "{next}");
    let reply =
        app.get(&format!("/admin/audit{next}")).bearer(&boss.tokens.access).send().await.expect_status(200);
    assert_eq!(reply.header("link"), None);
    assert_eq!(reply.json()["items"].as_array().unwrap().len(), 1);
}

async fn events_are_found_by_subject(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let (billing, _) = service(&app, &format!("billing {}", unique())).await;
    let of_ann = ["logged_in", "user_registered"];
    for query in [format!("subject={}", ann.id), format!("subject={}", user(&ann))] {
        let mut kinds = kinds(&app, &boss, &query).await;
        kinds.sort_unstable();
        assert_eq!(kinds, of_ann, "{query}");
    }
    for query in [format!("subject={}", billing.id), format!("subject=client:{}", billing.id)] {
        let events = found(&app, &boss, &query).await;
        assert_eq!(events.len(), 1, "{query}");
        assert_eq!(events[0]["kind"], "service_client_created");
        // Subjects in events are valid filter values.
        assert_eq!(events[0]["subject"], format!("client:{}", billing.id));
    }
    for none in [
        format!("subject=user:{}", billing.id),
        format!("subject=client:{}", ann.id),
        "subject=00000000-0000-7000-8000-000000000000".to_owned(),
    ] {
        assert_eq!(found(&app, &boss, &none).await, [] as [Value; 0], "{none}");
    }
}

async fn events_are_found_by_kind(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_done();
    assert_eq!(kinds(&app, &boss, "kind=logged_in").await, ["logged_in"; 2]);
    assert_eq!(kinds(&app, &boss, "kind=logged_out").await, ["logged_out"]);
    assert_eq!(kinds(&app, &boss, "kind=user_deleted").await, [] as [&str; 0]);
}

async fn a_period_is_half_open(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    for _ in 0..2 {
        app.clock.advance(Duration::SECOND);
        app.login(&boss.email).await;
    }
    // Two events at :40, one at :41 and one at :42, each at .123457 of its second.
    let count = async |query: &str| found(&app, &boss, query).await.len();
    let at = |seconds: &str| format!("2030-03-17T17:46:{seconds}Z");
    assert_eq!(count(&format!("since={}", at("41.123457"))).await, 2);
    assert_eq!(count(&format!("since={}", at("41.123458"))).await, 1);
    assert_eq!(count(&format!("until={}", at("41.123457"))).await, 2);
    assert_eq!(count(&format!("until={}", at("41.123458"))).await, 3);
    assert_eq!(count(&format!("since={}&until={}", at("41"), at("42"))).await, 1);
    // The same instant in another time zone, and with more digits than the store keeps.
    assert_eq!(count("since=2030-03-17T18:46:41.123457000%2B01:00").await, 2);
    assert_eq!(count("since=2030-03-17T17:46:41.1234570001Z").await, 2);
    assert_eq!(count("since=2030-03-17T17:46:41.123457001Z").await, 1);
    assert_eq!(count("since=0000-01-01T00:00:00%2B23:59&until=9999-12-31T23:59:59Z").await, 4);
    for empty in
        [format!("since={}&until={}", at("42"), at("42")), format!("since={}&until={}", at("42"), at("41"))]
    {
        list(&app, &boss, &empty).await.expect_invalid(&["/query/since"]);
    }
}

async fn filters_combine(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::SECOND);
    app.login(&ann.email).await;
    let query = format!("subject={}&kind=logged_in", ann.id);
    assert_eq!(found(&app, &boss, &query).await.len(), 2);
    assert_eq!(found(&app, &boss, &format!("{query}&since=2030-03-17T17:46:41Z")).await.len(), 1);
    assert_eq!(found(&app, &boss, &format!("{query}&until=2030-03-17T17:46:40Z")).await.len(), 0);
    let first = page(&app, &boss, &format!("{query}&limit=1")).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = found(&app, &boss, &format!("{query}&limit=1&cursor={cursor}")).await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0], first["items"][0]);
}

async fn an_unknown_kind_gets_all_kinds(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    for unknown in ["kind=login", "kind=", "kind=LOGGED_IN"] {
        let reply = list(&app, &boss, unknown).await;
        reply.expect_invalid(&["/query/kind"]);
        let detail = reply.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        for kind in AuditEventKind::ALL {
            assert!(detail.contains(kind.as_str()), "{detail}");
        }
    }
}

async fn invalid_parameters_are_named(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let boss = app.superuser().await;
    for (query, pointer) in [
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("cursor=x", "/query/cursor"),
        ("subject=ann@example.org", "/query/subject"),
        ("subject=", "/query/subject"),
        ("subject=role:00000000-0000-7000-8000-000000000000", "/query/subject"),
        ("since=yesterday", "/query/since"),
        ("since=2030-03-17", "/query/since"),
        ("since=2030-03-17T17:46:40", "/query/since"),
        ("since=2030-03-17T17:46:40+01:00", "/query/since"),
        ("until=9999-12-31T23:59:59-01:00", "/query/until"),
        ("until=1900000000", "/query/until"),
        ("kind=logged_in&kind=logged_in", "/query/kind"),
        ("kind=%00", "/query/kind"),
    ] {
        list(&app, &boss, query).await.expect_invalid(&[pointer]);
    }
}

async fn a_cursor_of_another_list_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, _) = (app.superuser().await, app.user_fixture().await);
    let users = app.get("/admin/users?limit=1").bearer(&boss.tokens.access).send().await.json();
    let cursor = users["next_cursor"].as_str().unwrap();
    list(&app, &boss, &format!("cursor={cursor}")).await.expect_invalid(&["/query/cursor"]);
}

async fn no_secret_is_listed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.refresh(&ann.tokens.refresh).await;
    let change = json!({ "current_password": "securepassword123", "new_password": "another pass phrase" });
    let call = app.post("/users/me/password").bearer(&ann.tokens.access).json(&change);
    let tokens = call.send().await.expect_status(200).tokens();
    let reply = list(&app, &boss, "limit=200").await.expect_status(200);
    for secret in [
        "securepassword123",
        "another pass phrase",
        &tokens.access,
        &tokens.refresh,
        &ann.tokens.refresh,
        "argon2",
        ann.email.as_str(),
    ] {
        assert!(!reply.text().contains(secret), "{secret}");
    }
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

async fn events_stay_when_their_user_is_deleted(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    app.clock.advance(Duration::SECOND);
    let path = format!("/admin/users/{}", ann.id);
    app.delete(&path).bearer(&boss.tokens.access).send().await.expect_done();
    let left = found(&app, &boss, &format!("subject={}", ann.id)).await;
    assert_eq!(left.len(), 3);
    assert_eq!((&left[0]["kind"], &left[0]["actor"]), (&json!("user_deleted"), &json!(user(&boss))));
}
