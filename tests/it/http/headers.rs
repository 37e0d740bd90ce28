//! Headers that every answer has. That they are there, and what they say, [`TestApp`] checks each time.

use std::sync::Arc;

use inwren_domain::ports::Store;
use inwren_tests::app::{PASSWORD, TestApp};
use serde_json::json;

stories! {
    a_well_formed_request_id_is_kept
    any_other_request_id_is_replaced
    what_has_a_token_or_a_profile_in_it_is_not_stored
    a_page_keeps_to_its_own_scripts
}

async fn a_well_formed_request_id_is_kept(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for id in ["a", "0199a3f2-6f0e-7b9a-a1c2-000000000000", "req_1.2:3", &"x".repeat(64)] {
        for path in ["/health", "/users/me", "/nothing"] {
            let reply = app.get(path).header("x-request-id", id).send().await;
            assert_eq!(reply.header("x-request-id"), Some(id));
        }
    }
}

async fn any_other_request_id_is_replaced(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let mut seen = Vec::new();
    for id in ["", " ", "a b", "<script>", "ü", "\"quoted\"", "a,b", "a%0ab", "../../etc", &"x".repeat(65)] {
        let reply = app.get("/users/me").header("x-request-id", id).send().await;
        let new = reply.header("x-request-id").unwrap().to_owned();
        assert_ne!(new, id);
        assert_eq!(new.len(), 36, "{new}");
        seen.push(new);
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count, "an id that was given twice");
}

async fn what_has_a_token_or_a_profile_in_it_is_not_stored(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.somebody().await;
    let form = [("username", ann.email.as_str()), ("password", PASSWORD)];
    let login = json!({ "email": ann.email, "password": PASSWORD });
    let password = json!({ "current_password": PASSWORD, "new_password": "another one 123" });
    let replies = [
        app.post("/auth/login").json(&login).send().await,
        app.post("/auth/access-token").form(&form).send().await,
        app.try_refresh(&ann.tokens.refresh).await,
        app.me(&ann.tokens.access).await,
        app.put("/users/me").bearer(&ann.tokens.access).json(&json!({})).send().await,
        app.get("/users/me/sessions").bearer(&ann.tokens.access).send().await,
        app.post("/users/me/password").bearer(&ann.tokens.access).json(&password).send().await,
    ];
    for reply in replies {
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply}");
    }
}

async fn a_page_keeps_to_its_own_scripts(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/docs", "/redoc"] {
        let reply = app.get(path).send().await.expect_status(200);
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'sha256-"), "{policy}");
        let scripts = policy.split("script-src").nth(1).unwrap().split(';').next().unwrap();
        assert!(
            !scripts.contains("unsafe") && !scripts.contains("http") && !scripts.contains('*'),
            "{policy}"
        );
        let page = reply.text();
        for outside in ["src=\"http", "href=\"http", "src='http", "href='http", "@import", "url(http"] {
            let tags =
                page.split("<script").map(|part| part.split_once("</script>").map_or(part, |(_, rest)| rest));
            assert!(!tags.collect::<String>().contains(outside), "{path} loads something with {outside}");
        }
    }
}
