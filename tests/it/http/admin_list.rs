//! The list of users for superusers: pages, filters and their parameters.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, Reply, TestApp, forge};
use serde_json::{Value, json};
use time::Duration;

stories! {
    paging_lists_each_user_once_newest_first
    a_link_leads_to_the_next_page
    a_page_has_fifty_unless_asked
    limits_have_bounds
    filters_take_in_whom_they_name
    an_email_filter_is_a_prefix_and_no_pattern
    an_email_filter_lists_by_address
    a_cursor_is_a_place_in_both_orders
    an_email_filter_compares_domains_in_ascii
    invalid_parameters_are_reported
    a_parameter_comes_once
    cursors_that_are_not_ours_are_refused
}

async fn list(app: &TestApp, admin: &Account, query: &str) -> Reply {
    app.get(&format!("/admin/users?{query}")).bearer(&admin.tokens.access).send().await
}

fn emails(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
}

async fn found(app: &TestApp, admin: &Account, query: &str) -> Vec<String> {
    let page = list(app, admin, query).await.expect_status(200).json();
    assert_eq!(page["next_cursor"], Value::Null, "{page}");
    emails(&page)
}

/// Registers users one second apart and returns their addresses, newest first.
async fn some_users(app: &TestApp, count: usize) -> Vec<String> {
    let mut newest_first = Vec::new();
    for n in 0..count {
        app.clock.advance(Duration::SECOND);
        let email = format!("user-{n:03}@example.org");
        app.register(&email).await;
        newest_first.insert(0, email);
    }
    newest_first
}

/// Follows `next_cursor` to the end.
async fn walk(app: &TestApp, admin: &Account, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(app, admin, &format!("{query}{cursor}")).await.expect_status(200).json();
        pages.push(emails(&page));
        let Some(next) = page["next_cursor"].as_str() else { return pages };
        cursor = format!("&cursor={next}");
        assert!(pages.len() < 100, "a walk without an end");
    }
}

async fn paging_lists_each_user_once_newest_first(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let mut expected = some_users(&app, 6).await;
    // Two users with the same registration time.
    for email in ["twin-a@example.org", "twin-b@example.org"] {
        app.register(email).await;
    }
    let pages = walk(&app, &admin, "limit=2").await;
    assert!(pages.iter().take(4).all(|page| page.len() == 2), "{pages:?}");
    let mut all = pages.concat();
    expected.push(admin.email.clone());
    let mut newest: Vec<String> = all.drain(..3).collect();
    newest.sort_unstable();
    assert_eq!(newest, ["twin-a@example.org", "twin-b@example.org", "user-005@example.org"]);
    assert_eq!(all, expected[1..]);
    // The page holds exactly all users: there is no next page.
    assert_eq!(found(&app, &admin, "limit=9").await.len(), 9);
}

async fn a_link_leads_to_the_next_page(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let mut expected = some_users(&app, 5).await;
    expected.reverse();
    let mut path = "/admin/users?email=user%2D&limit=2&is_active=true".to_owned();
    let mut all = Vec::new();
    for _ in 0..2 {
        let reply = app.get(&path).bearer(&admin.tokens.access).send().await.expect_status(200);
        let page = reply.json();
        all.extend(emails(&page));
        let link = reply.header("link").expect("a link");
        let next = link.strip_prefix('<').and_then(|l| l.strip_suffix(r#">; rel="next""#)).expect("a next");
        assert!(next.ends_with(&format!("cursor={}", page["next_cursor"].as_str().unwrap())), "{next}");
        // The link is relative to the request (RFC 8288 section 3.1, RFC 3986 section 5.2.2).
        assert!(next.starts_with('?'), "{next}");
        path = format!("/admin/users{next}");
    }
    let last = app.get(&path).bearer(&admin.tokens.access).send().await.expect_status(200);
    assert!(last.header("link").is_none(), "{last}");
    assert_eq!(last.json()["next_cursor"], Value::Null);
    all.extend(emails(&last.json()));
    assert_eq!(all, expected);
    // The link replaces the previous cursor however its name is spelled.
    let first = list(&app, &admin, "limit=2&email=user").await.json();
    let spelled = format!("limit=2&email=user&%63ursor={}", first["next_cursor"].as_str().unwrap());
    let second = list(&app, &admin, &spelled).await.expect_status(200);
    let link = second.header("link").unwrap().trim_start_matches('<').split('>').next().unwrap().to_owned();
    let third = app
        .get(&format!("/admin/users{link}"))
        .bearer(&admin.tokens.access)
        .send()
        .await
        .expect_status(200)
        .json();
    assert_eq!(emails(&third), [&expected[4][..]]);
}

async fn a_page_has_fifty_unless_asked(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    some_users(&app, 51).await;
    let page = app.get("/admin/users").bearer(&admin.tokens.access).send().await.expect_status(200).json();
    assert_eq!(emails(&page).len(), 50);
    assert!(page["next_cursor"].is_string());
    assert_eq!(found(&app, &admin, "limit=200").await.len(), 52);
}

async fn limits_have_bounds(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for limit in ["1", "200", "050"] {
        list(&app, &admin, &format!("limit={limit}")).await.expect_status(200).json();
    }
    for limit in
        ["0", "201", "65536", "99999999999999999999", "-1", "1.5", "1e1", "ten", "", "%20", "0x10", "%D9%A1"]
    {
        list(&app, &admin, &format!("limit={limit}")).await.expect_invalid(&["/query/limit"]);
    }
}

async fn filters_take_in_whom_they_name(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (admin, ann, bob) = (app.superuser().await, app.user_fixture().await, app.user_fixture().await);
    let path = format!("/admin/users/{}", ann.id);
    let change = json!({ "is_active": false, "tier": "premium" });
    app.put(&path).bearer(&admin.tokens.access).json(&change).send().await.expect_status(200).json();
    for (query, expected) in [
        ("is_active=false", &[&ann.email][..]),
        ("is_superuser=true", &[&admin.email]),
        ("tier=premium", &[&ann.email]),
        ("tier=premium&is_active=true", &[]),
        ("tier=enterprise", &[]),
        ("is_superuser=false&is_active=true", &[&bob.email]),
        ("is_superuser=false&is_active=true&tier=free&email=SOMEBODY", &[&bob.email]),
    ] {
        assert_eq!(
            found(&app, &admin, query).await,
            expected.iter().map(|e| (*e).clone()).collect::<Vec<_>>(),
            "{query}"
        );
    }
}

async fn an_email_filter_is_a_prefix_and_no_pattern(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for email in
        ["Ann@example.org", "anna@example.org", "a_n@example.org", "a%n@example.org", "Äsop@example.org"]
    {
        app.register(email).await;
    }
    for (prefix, expected) in [
        ("ann", &["Ann@example.org", "anna@example.org"][..]),
        ("ANN%40", &["Ann@example.org"]),
        ("Ann%40example.org", &["Ann@example.org"]),
        ("a_", &["a_n@example.org"]),
        ("a%25", &["a%n@example.org"]),
        ("%25", &[]),
        ("%C3%A4", &["Äsop@example.org"]),
        ("nn", &[]),
        ("example.org", &[]),
        ("%27%20OR%20%271%27=%271", &[]),
        ("a%5C", &[]),
        ("a*", &[]),
    ] {
        let mut emails = found(&app, &admin, &format!("email={prefix}")).await;
        emails.sort_unstable();
        assert_eq!(emails, expected, "{prefix}");
    }
    assert_eq!(found(&app, &admin, "email=").await.len(), 6);
    // A prefix that matches no address returns an empty list and causes no database error.
    for prefix in ["%00", "a%00", "a%0Ab", "%EF%BF%BF", &"%F0%9F%90%88".repeat(100)] {
        assert_eq!(found(&app, &admin, &format!("email={prefix}")).await, [""; 0], "{prefix}");
    }
}

async fn an_email_filter_lists_by_address(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    // The result follows neither the registration order nor the order of the spelling.
    for email in ["list-b@example.org", "LIST-c@example.org", "list-a@example.org", "list-\u{e9}@example.org"]
    {
        app.clock.advance(Duration::SECOND);
        app.register(email).await;
    }
    let expected =
        ["list-a@example.org", "list-b@example.org", "LIST-c@example.org", "list-\u{e9}@example.org"];
    assert_eq!(found(&app, &admin, "email=list-").await, expected);
    for limit in [1, 2, 3] {
        assert_eq!(walk(&app, &admin, &format!("email=LIST-&limit={limit}")).await.concat(), expected);
    }
}

async fn a_cursor_is_a_place_in_both_orders(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    some_users(&app, 3).await;
    for query in ["limit=1", "limit=1&email=user-"] {
        // The first cursor is after the newest user, whose address sorts last. The second is after the first address,
        // which the oldest user has.
        let page = list(&app, &admin, query).await.expect_status(200).json();
        let cursor = page["next_cursor"].as_str().expect("a cursor");
        let [after, before] = match query {
            "limit=1" => [0, 2],
            _ => [2, 0],
        };
        assert_eq!(found(&app, &admin, &format!("email=user-&cursor={cursor}")).await.len(), after);
        assert_eq!(found(&app, &admin, &format!("is_superuser=false&cursor={cursor}")).await.len(), before);
    }
    // The cursor format of releases before the address order.
    let page = list(&app, &admin, "limit=1").await.expect_status(200).json();
    let bytes = URL_SAFE_NO_PAD.decode(page["next_cursor"].as_str().expect("a cursor")).expect("bytes");
    let former = forge::encode(&[&[1], &bytes[1..25]].concat());
    assert_eq!(found(&app, &admin, &format!("is_superuser=false&cursor={former}")).await.len(), 2);
    assert_eq!(found(&app, &admin, &format!("email=user-&cursor={former}")).await.len(), 3);
}

async fn an_email_filter_compares_domains_in_ascii(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for email in ["Ann@Bücher.example", "ann@xn--bcher-kva.test", "ann@bucher.example"] {
        app.register(email).await;
    }
    let both = ["Ann@Bücher.example", "ann@xn--bcher-kva.test"];
    for (prefix, expected) in [
        ("ANN@B\u{dc}CHER.Example", &both[..1]),
        ("ann@xn--bcher-kva.example", &both[..1]),
        ("ann@ｂücher.test", &both[1..]),
        ("ann@bücher.", &both),
        ("ann@bücher", &both),
        ("ann@xn--bch", &both),
        // The label is incomplete, so its ASCII form differs.
        ("ann@büch", &[]),
        ("ann@buch", &["ann@bucher.example"]),
        ("ann@", &["Ann@Bücher.example", "ann@bucher.example", "ann@xn--bcher-kva.test"]),
    ] {
        let encoded: String = prefix.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut found = found(&app, &admin, &format!("email={encoded}")).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{prefix}");
    }
}

async fn invalid_parameters_are_reported(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for (query, pointer) in [
        ("is_active=yes", "/query/is_active"),
        ("is_active=1", "/query/is_active"),
        ("is_active=TRUE", "/query/is_active"),
        ("is_superuser=maybe", "/query/is_superuser"),
        ("tier=Gold%20Plus", "/query/tier"),
        ("tier=%00", "/query/tier"),
        (&format!("email={}", "a".repeat(300)), "/query/email"),
    ] {
        list(&app, &admin, query).await.expect_invalid(&[pointer]);
    }
}

async fn a_parameter_comes_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for (query, name) in [
        ("limit=1&limit=2", "limit"),
        ("limit=1&limit=1", "limit"),
        ("limit=1&%6cimit=2", "limit"),
        ("email=a&tier=free&email=b", "email"),
        ("is_active=true&is_active=false", "is_active"),
        ("is_superuser=false&is_superuser=true", "is_superuser"),
    ] {
        list(&app, &admin, query).await.expect_invalid(&[&format!("/query/{name}")]);
    }
}

async fn cursors_that_are_not_ours_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    some_users(&app, 2).await;
    let page = list(&app, &admin, "limit=1").await.expect_status(200).json();
    let good = page["next_cursor"].as_str().unwrap();
    let huge = forge::encode(&[&[1_u8][..], &[0x7f; 8], &[0; 16]].concat());
    let ancient = forge::encode(&[&[1_u8][..], &[0x80; 24]].concat());
    for cursor in [
        "",
        "x",
        "null",
        "0",
        "-1",
        "undefined",
        "%00",
        "%27%3B--",
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}="),
        &format!("{good}A"),
        &format!("AA{good}"),
        &huge,
        &ancient,
        &"A".repeat(4_000),
    ] {
        list(&app, &admin, &format!("cursor={cursor}")).await.expect_invalid(&["/query/cursor"]);
    }
}
