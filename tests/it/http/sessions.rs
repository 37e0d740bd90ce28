//! The caller's sessions.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, TestApp, Tokens, forge};
use serde_json::{Value, json};
use time::Duration;

stories! {
    sessions_are_listed_newest_first
    a_session_tells_where_it_came_from
    a_session_tells_where_it_was_last_used
    a_user_agent_beyond_ascii_is_kept
    a_list_has_only_what_lives
    one_session_is_ended
    foreign_session_is_not_found
    all_other_sessions_are_ended
    a_walk_meets_every_session_once
    pages_have_bounds_and_cursors_of_their_own
    a_login_beyond_the_limit_ends_the_least_recently_used
}

async fn list(app: &TestApp, tokens: &Tokens) -> Vec<Value> {
    let reply = app.get("/users/me/sessions").bearer(&tokens.access).send().await.expect_status(200);
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 2);
    assert_eq!(body["next_cursor"], Value::Null);
    body["items"].as_array().unwrap().clone()
}

fn sid(tokens: &Tokens) -> String {
    forge::open(&tokens.access).1["sid"].as_str().unwrap().to_owned()
}

async fn sessions_are_listed_newest_first(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut expected = vec![sid(&ann.tokens)];
    let mut newest = ann.tokens.clone();
    for _ in 0..3 {
        app.clock.advance(Duration::MINUTE);
        newest = app.login(&ann.email).await;
        expected.insert(0, sid(&newest));
    }
    let items = list(&app, &ann.tokens).await;
    let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, expected);
    let current: Vec<bool> = items.iter().map(|item| item["current"].as_bool().unwrap()).collect();
    assert_eq!(current, [false, false, false, true]);
    assert_eq!(list(&app, &newest).await[0]["current"], true);
}

async fn a_session_tells_where_it_came_from(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.register("ann@example.org").await;
    let login = json!({ "email": "ann@example.org", "password": PASSWORD });
    let call = app.post("/auth/login").json(&login).from("2001:db8::7").header("user-agent", "Firefox/999");
    let tokens = call.send().await.expect_status(200).tokens();
    app.clock.advance(Duration::MINUTE);
    let refresh = json!({ "refresh_token": tokens.refresh });
    let call =
        app.post("/auth/refresh").json(&refresh).from("2001:db8:9::7").header("user-agent", "Firefox/1000");
    let tokens = call.send().await.expect_status(200).tokens();
    let item = list(&app, &tokens).await.remove(0);
    assert_eq!(
        item,
        json!({
            "id": sid(&tokens), "created_at": "2030-03-17T17:46:40.123457Z",
            "last_used_at": "2030-03-17T17:47:40.123457Z", "expires_at": "2030-03-24T17:47:40Z",
            "ip_address": "2001:db8::7", "user_agent": "Firefox/999", "last_ip_address": "2001:db8:9::7",
            "last_user_agent": "Firefox/1000", "acr": "aal1", "current": true,
        })
    );
    app.clock.advance(Duration::MINUTE);
    let call = app.post("/auth/login").json(&login).header("user-agent", "x".repeat(3_000));
    let tokens = call.send().await.expect_status(200).tokens();
    let agent = list(&app, &tokens).await[0]["user_agent"].clone();
    assert!(agent.as_str().unwrap().len() <= 512, "{agent}");
    app.clock.advance(Duration::MINUTE);
    let call = app.post("/auth/login").json(&login).from("::ffff:192.0.2.9");
    let tokens = call.send().await.expect_status(200).tokens();
    let item = list(&app, &tokens).await.remove(0);
    assert_eq!((&item["ip_address"], &item["user_agent"]), (&json!("192.0.2.9"), &Value::Null));
}

async fn a_session_tells_where_it_was_last_used(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.trusted_proxies = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap()];
    });
    let registered = app.register("ann@example.org").await;
    let admin = app.superuser().await;
    let call = async |path: &str, body: &Value, token: Option<&str>, from: &str, agent: &str| {
        app.clock.advance(Duration::MINUTE);
        let call = app.post(path).json(body).from("10.0.0.7").header("x-forwarded-for", from);
        let call = call.header("user-agent", agent);
        let call = if let Some(token) = token { call.bearer(token) } else { call };
        call.send().await.expect_status(200).tokens()
    };
    let shown = async |tokens: &Tokens| {
        let own = list(&app, tokens).await;
        let path = format!("/admin/users/{}/sessions", registered["id"].as_str().unwrap());
        let by_admin = app.get(&path).bearer(&admin.tokens.access).send().await.expect_status(200).json();
        [&own[0], &by_admin["items"][0]].map(|item| {
            ["ip_address", "user_agent", "last_ip_address", "last_user_agent"]
                .map(|field| item[field].as_str().unwrap_or_default().to_owned())
        })
    };
    let login = json!({ "email": "ann@example.org", "password": PASSWORD });
    let tokens = call("/auth/login", &login, None, "203.0.113.1", "Firefox/999").await;
    let at_login = ["203.0.113.1", "Firefox/999", "203.0.113.1", "Firefox/999"];
    assert_eq!(shown(&tokens).await, [at_login; 2]);

    let refresh = json!({ "refresh_token": tokens.refresh });
    let tokens = call("/auth/refresh", &refresh, None, "203.0.113.2", "Firefox/1000").await;
    let moved = ["203.0.113.1", "Firefox/999", "203.0.113.2", "Firefox/1000"];
    assert_eq!(shown(&tokens).await, [moved; 2]);

    let change = json!({ "current_password": PASSWORD, "new_password": "another pass phrase" });
    let tokens =
        call("/users/me/password", &change, Some(&tokens.access), "203.0.113.3", "Firefox/1001").await;
    let rekeyed = ["203.0.113.1", "Firefox/999", "203.0.113.3", "Firefox/1001"];
    assert_eq!(shown(&tokens).await, [rekeyed; 2]);
}

async fn a_user_agent_beyond_ascii_is_kept(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.register("ann@example.org").await;
    let login = json!({ "email": "ann@example.org", "password": PASSWORD });
    let long = "ü".repeat(300);
    let cases: [(&[u8], String); 4] = [
        ("Бrowser/1.0 (Zürich; 東京)".as_bytes(), "Бrowser/1.0 (Zürich; 東京)".to_owned()),
        (b"Caf\xe9/1.0", "Caf\u{fffd}/1.0".to_owned()),
        ("tab\tand\u{85}next".as_bytes(), "tabandnext".to_owned()),
        (long.as_bytes(), "ü".repeat(256)),
    ];
    for (header, kept) in cases {
        app.clock.advance(Duration::MINUTE);
        let call = app.post("/auth/login").json(&login).header("user-agent", header);
        let tokens = call.send().await.expect_status(200).tokens();
        assert_eq!(list(&app, &tokens).await[0]["user_agent"], json!(kept));
    }
}

async fn a_list_has_only_what_lives(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, _bob) = (app.user_fixture().await, app.user_fixture().await);
    let second = app.login(&ann.email).await;
    app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_done();
    assert_eq!(list(&app, &second).await.len(), 1);
    app.clock.advance(Duration::days(7));
    let third = app.login(&ann.email).await;
    let items = list(&app, &third).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["id"], sid(&third));
}

async fn one_session_is_ended(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let second = app.login(&ann.email).await;
    let end = async |of: &Tokens| {
        let path = format!("/users/me/sessions/{}", sid(of));
        app.delete(&path).bearer(&ann.tokens.access).send().await
    };
    end(&second).await.expect_done();
    app.me(&second.access).await.expect_invalid_token();
    app.try_refresh(&second.refresh).await.expect_invalid_token();
    end(&second).await.expect_problem(404, "not-found");
    end(&ann.tokens).await.expect_done();
    end(&ann.tokens).await.expect_invalid_token();
}

async fn foreign_session_is_not_found(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob, admin) = (app.user_fixture().await, app.user_fixture().await, app.superuser().await);
    let nobodys = "00000000-0000-7000-8000-000000000000".to_owned();
    let mut answers = Vec::new();
    for caller in [&ann, &admin] {
        for session in [sid(&bob.tokens), nobodys.clone()] {
            let path = format!("/users/me/sessions/{session}");
            let reply = app.delete(&path).bearer(&caller.tokens.access).send().await;
            let mut body = reply.expect_problem(404, "not-found");
            body["request_id"] = Value::Null;
            answers.push(body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    app.me(&bob.tokens.access).await.expect_status(200).json();
    for rubbish in ["1", "x", "null", "%00", "..%2f", "%27", &"9".repeat(300)] {
        let path = format!("/users/me/sessions/{rubbish}");
        let reply = app.delete(&path).bearer(&ann.tokens.access).send().await;
        reply.expect_invalid(&["/path/session_id"]);
    }
}

async fn all_other_sessions_are_ended(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    let others = [app.login(&ann.email).await, app.login(&ann.email).await];
    for _ in 0..2 {
        app.delete("/users/me/sessions").bearer(&ann.tokens.access).send().await.expect_done();
    }
    for other in &others {
        app.me(&other.access).await.expect_invalid_token();
        app.try_refresh(&other.refresh).await.expect_invalid_token();
    }
    app.me(&bob.tokens.access).await.expect_status(200).json();
    app.refresh(&ann.tokens.refresh).await;
    assert_eq!(list(&app, &ann.tokens).await.len(), 1);
}

/// The paths and tokens for the user's own list and for the administrator's list of the same sessions.
async fn both_lists(app: &TestApp, ann: &Account) -> [(String, String); 2] {
    let admin = app.superuser().await;
    [
        ("/users/me/sessions".to_owned(), ann.tokens.access.clone()),
        (format!("/admin/users/{}/sessions", ann.id), admin.tokens.access),
    ]
}

async fn a_walk_meets_every_session_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let mut expected = vec![sid(&ann.tokens)];
    for _ in 0..4 {
        app.clock.advance(Duration::SECOND);
        expected.insert(0, sid(&app.login(&ann.email).await));
    }
    for (list, access) in both_lists(&app, &ann).await {
        let (mut path, mut found) = (format!("{list}?limit=2"), Vec::new());
        for page in 0..3 {
            let reply = app.get(&path).bearer(&access).send().await.expect_status(200);
            let body = reply.json();
            let items = body["items"].as_array().unwrap();
            found.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            if page == 2 {
                assert_eq!((reply.header("link"), &body["next_cursor"]), (None, &Value::Null));
                continue;
            }
            let next = body["next_cursor"].as_str().unwrap();
            let link = format!(r#"<?limit=2&cursor={next}>; rel="next""#);
            assert_eq!(reply.header("link"), Some(link.as_str()));
            path = format!("{list}?limit=2&cursor={next}");
        }
        assert_eq!(found, expected);
    }
}

async fn pages_have_bounds_and_cursors_of_their_own(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.sessions_per_user = 150);
    let ann = app.user_fixture().await;
    for _ in 0..101 {
        app.login(&ann.email).await;
    }
    for (list, access) in both_lists(&app, &ann).await {
        let get = async |query: &str| app.get(&format!("{list}{query}")).bearer(&access).send().await;
        let page = get("").await.expect_status(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), 100);
        assert!(page["next_cursor"].is_string());
        assert_eq!(get("?limit=200").await.expect_status(200).json()["items"].as_array().unwrap().len(), 102);
        for limit in ["0", "201", "-1", "x", "65536", ""] {
            get(&format!("?limit={limit}")).await.expect_invalid(&["/query/limit"]);
        }
        for cursor in ["x", "null", "%00", &"A".repeat(34), &"A".repeat(4_000)] {
            get(&format!("?cursor={cursor}")).await.expect_invalid(&["/query/cursor"]);
        }
        get("?limit=1&limit=2").await.expect_invalid(&["/query/limit"]);
    }
}

async fn a_login_beyond_the_limit_ends_the_least_recently_used(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| config.rules.sessions_per_user = 3);
    let (ann, bob) = (app.user_fixture().await, app.user_fixture().await);
    app.clock.advance(Duration::MINUTE);
    let second = app.login(&ann.email).await;
    app.clock.advance(Duration::MINUTE);
    // The oldest session, but used more recently than the second.
    let first = app.refresh(&ann.tokens.refresh).await;
    app.clock.advance(Duration::MINUTE);
    let third = app.login(&ann.email).await;
    let fourth = app.login(&ann.email).await;
    app.me(&second.access).await.expect_invalid_token();
    app.try_refresh(&second.refresh).await.expect_invalid_token();
    for tokens in [&first, &third, &fourth, &bob.tokens] {
        app.me(&tokens.access).await.expect_status(200).json();
    }
    assert_eq!(list(&app, &fourth).await.len(), 3);
}
