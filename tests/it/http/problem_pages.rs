//! The pages at the `type` URLs of problems.

use std::sync::Arc;

use inwren_app::http::shared::problem::Kind;
use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp};
use serde_json::json;

stories! {
    the_type_of_every_problem_leads_to_its_page
    a_problem_that_was_met_can_be_looked_up
    client_gets_the_preferred_format
    a_page_runs_nothing_and_loads_nothing
    there_is_no_page_for_what_is_no_problem
    pages_can_be_read_and_nothing_else
    reading_is_never_limited
}

async fn the_type_of_every_problem_leads_to_its_page(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    assert!(Kind::ALL.len() >= 20);
    let list = app.get("/problems").send().await.expect_status(200);
    for kind in Kind::ALL {
        let path = format!("/problems/{}", kind.code);
        let link = format!("href=\"problems/{}\"", kind.code);
        assert!(list.text().contains(&link), "{link} is not in the list");
        let page = app.get(&path).send().await.expect_status(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        for part in [kind.code, kind.title, &kind.status.to_string(), "What it means", "What to do"] {
            assert!(page.text().contains(part), "{part} is not in {page}");
        }
        let told = app.get(&path).header("accept", "application/json").send().await.expect_status(200).json();
        assert_eq!(told["type"], path);
        assert_eq!((&told["code"], &told["status"]), (&json!(kind.code), &json!(kind.status)));
        assert_eq!((&told["title"], &told["retryable"]), (&json!(kind.title), &json!(kind.retryable)));
        for text in ["meaning", "remedy"] {
            assert!(told[text].as_str().is_some_and(|text| text.len() > 20), "{told}");
        }
    }
}

async fn a_problem_that_was_met_can_be_looked_up(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/users/me", "/nothing"] {
        let problem = app.get(path).send().await.json();
        let page = app.get(problem["type"].as_str().unwrap()).send().await.expect_status(200);
        assert!(page.text().contains(problem["title"].as_str().unwrap()), "{page}");
    }
}

async fn client_gets_the_preferred_format(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/problems", "/problems/rate-limited"] {
        let asked = |accept: &'static str| {
            let call = app.get(path).header("accept", accept);
            async move { call.send().await.expect_status(200) }
        };
        let kind = |reply: &Reply| reply.header("content-type").unwrap().to_owned();
        let browser = asked("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8").await;
        assert_eq!(kind(&browser), "text/html; charset=utf-8");
        assert_eq!(kind(&asked("*/*").await), "text/html; charset=utf-8");
        let program = asked("application/json").await;
        assert_eq!(kind(&program), "application/json");
        program.json();
        let reader = asked("text/markdown").await;
        assert_eq!(kind(&reader), "text/markdown; charset=utf-8");
        assert!(reader.text().starts_with("# ") && reader.text().contains("rate-limited"), "{reader}");
        assert!(reader.headers.get_all("vary").iter().any(|vary| vary == "Accept"), "{reader}");
    }
}

async fn a_page_runs_nothing_and_loads_nothing(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/problems", "/problems/overloaded"] {
        let reply = app.get(path).send().await;
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("script-src"), "{policy}");
        for part in ["<script", "http:", "https:", "@import", "url("] {
            assert!(!reply.text().contains(part), "{part}: {reply}");
        }
    }
}

async fn there_is_no_page_for_what_is_no_problem(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for code in ["no-such-problem", "RATE-LIMITED", "rate-limited/x", "%3Cscript%3E", "%ff", "..%2f..%2fetc"]
    {
        let reply = app.get(&format!("/problems/{code}")).send().await;
        reply.expect_problem(404, "not-found");
        assert!(!reply.text().contains("script"), "{reply}");
    }
}

async fn pages_can_be_read_and_nothing_else(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for path in ["/problems", "/problems/not-found"] {
        let head = app.call("HEAD", path).send().await.expect_status(200);
        assert_eq!(head.text(), "");
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let reply = app.call(method, path).send().await;
            reply.expect_problem(405, "method-not-allowed");
            assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"), "{method} {path}");
        }
    }
}

/// A client that was rate limited must be able to read the reason.
async fn reading_is_never_limited(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    for _ in 0..100 {
        let reply = app.get("/problems/rate-limited").send().await.expect_status(200);
        assert!(reply.header("ratelimit").is_none(), "{reply}");
    }
}
