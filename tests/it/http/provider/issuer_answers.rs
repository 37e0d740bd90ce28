//! Answers name their issuer, so that an application never mixes up two services (RFC 9207), and reach it by the mode
//! that it asked for.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, ISSUER, PASSWORD, Reply};

use super::{Request, World, authorize, encoded, enter_password, exchange, granted, log_in, world};

stories! {
    codes_and_errors_name_the_issuer
    state_returns_unchanged
    answer_without_state_has_none
    form_post_sends_the_code_in_a_form
    form_post_sends_errors_in_a_form
    unsupported_response_modes_are_refused
    answer_has_no_other_parameters
}

/// The value of a parameter in the query of a redirect.
#[track_caller]
fn in_query(reply: &Reply, name: &str) -> Option<String> {
    let (_, query) = reply.header("location").and_then(|url| url.split_once('?')).expect("a query");
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).expect("parameters");
    pairs.into_iter().find(|(one, _)| one == name).map(|(_, value)| value)
}

async fn answer_of_login(world: &World, request: &Request) -> Reply {
    let mut browser = Browser::new(&world.app);
    let page = authorize(&mut browser, request).await.page();
    enter_password(&mut browser, &page, &world.ann.email, PASSWORD).await
}

async fn codes_and_errors_name_the_issuer(store: Arc<dyn Store>) {
    let world = world(store).await;
    let reply = answer_of_login(&world, &world.client.request()).await;
    assert_eq!(in_query(&reply, "iss").as_deref(), Some(ISSUER), "{reply}");
    let mut browser = Browser::new(&world.app);
    for request in [
        world.client.request().with("response_type", "token"),
        world.client.request().with("prompt", "none"),
        world.client.request().with("scope", "unknown"),
        world.client.request().without("code_challenge"),
        world.client.request().with("request", "x"),
    ] {
        let reply = browser.open(&request.path()).await;
        assert_eq!(in_query(&reply, "iss").as_deref(), Some(ISSUER), "{reply}");
        request.outcome(reply).error();
    }
    let document = world.app.get("/.well-known/openid-configuration").send().await.json();
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
}

async fn state_returns_unchanged(store: Arc<dyn Store>) {
    let world = world(store).await;
    for state in ["a b+c", "ä€😀", "&iss=evil&code=x#", "%2B%00", "<script>", &"s".repeat(2_000)] {
        let request = world.client.request().with("state", state);
        request.outcome(answer_of_login(&world, &request).await).code();
        let request = request.with("prompt", "none");
        assert_eq!(authorize(&mut Browser::new(&world.app), &request).await.error(), "login_required");
    }
}

async fn answer_without_state_has_none(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request().without("state");
    let reply = answer_of_login(&world, &request).await;
    assert_eq!(in_query(&reply, "state"), None, "{reply}");
    request.outcome(reply).code();
}

async fn form_post_sends_the_code_in_a_form(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request().with("response_mode", "form_post").with("state", "\"><i>x");
    let page = answer_of_login(&world, &request).await.expect_status(200);
    assert!(!page.text().contains("<i>x"), "{page}");
    let form = Form::all(&page).into_iter().next().expect("a form");
    assert_eq!(form.action, world.client.redirect_uri);
    // The page works without script: it has a button.
    assert!(page.text().contains("<button") || page.text().contains("type=\"submit\""), "{page}");
    let policy = page.header("content-security-policy").expect("a policy");
    let target = world.client.redirect_uri.strip_suffix("/callback").expect("an origin");
    assert!(policy.contains("form-action") && policy.contains(target), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    let code = request.outcome(page).code();
    granted(exchange(&world.app, &request, &code).await);
}

async fn form_post_sends_errors_in_a_form(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request().with("response_mode", "form_post").with("prompt", "none");
    let page = Browser::new(&world.app).open(&request.path()).await.expect_status(200);
    assert_eq!(request.outcome(page).error(), "login_required");
}

async fn unsupported_response_modes_are_refused(store: Arc<dyn Store>) {
    let world = world(store).await;
    let mut browser = Browser::new(&world.app);
    for mode in ["fragment", "query.jwt", "web_message", "x"] {
        let request = world.client.request().with("response_mode", mode);
        assert_eq!(authorize(&mut browser, &request).await.error(), "invalid_request", "{mode}");
    }
    for kind in ["token", "id_token", "code token", "code id_token", "none", "CODE"] {
        let request = world.client.request().with("response_type", kind);
        assert_eq!(authorize(&mut browser, &request).await.error(), "unsupported_response_type", "{kind}");
    }
}

async fn answer_has_no_other_parameters(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request();
    let reply = answer_of_login(&world, &request).await;
    let mut names: Vec<String> =
        request.answer(&reply).expect("an answer").into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["code", "iss", "state"], "{reply}");
    let location = reply.header("location").expect("a location");
    assert!(!location.contains('#') && location.contains(&encoded(ISSUER)), "{reply}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
    // 303 makes every browser leave the password behind (RFC 9700 section 4.12).
    assert_eq!(reply.status, 303, "{reply}");
    assert!(matches!(
        log_in(&mut Browser::new(&world.app), &world.ann, &request).await,
        super::Outcome::Code(_)
    ));
}
