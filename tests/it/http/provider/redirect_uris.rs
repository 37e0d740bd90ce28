//! The service redirects to registered URIs only, and looks at nothing else before (RFC 9700 section 4.1).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, PASSWORD};
use serde_json::json;

use super::{
    World, authorize, change_client, create_client, exchange, granted, log_in, public, settings, world,
    world_with,
};

stories! {
    nothing_is_redirected_before_the_uri_is_checked
    similar_uris_do_not_match
    loopback_ports_are_free_for_public_clients
    loopback_ports_are_fixed_for_confidential_clients
    private_schemes_return_to_native_applications
    unsafe_uris_cannot_be_registered
    withdrawn_uri_is_refused_at_once
    uri_of_another_client_is_refused
    error_page_shows_no_foreign_text
}

async fn nothing_is_redirected_before_the_uri_is_checked(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let evil = || client.request().with("redirect_uri", "https://evil.example/callback");
    let mut browser = Browser::new(app);
    for request in [
        evil(),
        evil().with("response_type", "token"),
        evil().with("scope", "unknown"),
        evil().with("prompt", "none"),
        evil().with("request", "x"),
        evil().with("response_mode", "form_post"),
        evil().without("code_challenge"),
        client.request().with("client_id", "unknown"),
        client.request().with("client_id", ""),
        client.request().without("client_id"),
        client.request().and("client_id", "unknown"),
        client.request().and("redirect_uri", "https://evil.example/callback"),
        evil().and("redirect_uri", &client.redirect_uri),
    ] {
        authorize(&mut browser, &request).await.expect_refused();
    }
}

async fn similar_uris_do_not_match(store: Arc<dyn Store>) {
    let uri = "https://app.example/callback";
    let World { app, client, .. } = &world_with(store, json!({ "redirect_uris": [uri] })).await;
    let mut browser = Browser::new(app);
    authorize(&mut browser, &client.request()).await.page();
    for similar in [
        "https://app.example/callback/",
        "https://app.example/callback/more",
        "https://app.example/callback?",
        "https://app.example/callback?x=1",
        "https://app.example/callback#",
        "https://app.example/callback#x",
        "https://app.example/callbac",
        "https://app.example/call%62ack",
        "https://app.example/x/../callback",
        "https://app.example/CALLBACK",
        "https://App.example/callback",
        "HTTPS://app.example/callback",
        "http://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://www.app.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://user@app.example/callback",
        "https://*.example/callback",
        "https://app.example/*",
        "https://app.example/callback ",
        " https://app.example/callback",
        "//app.example/callback",
        "/callback",
        "javascript:alert(1)",
        "https://app.example/callback\r\nset-cookie: a=b",
        "https://app.example/callback\0",
    ] {
        authorize(&mut browser, &client.request().with("redirect_uri", similar)).await.expect_refused();
    }
}

async fn loopback_ports_are_free_for_public_clients(store: Arc<dyn Store>) {
    let mut changes = public();
    changes["redirect_uris"] =
        json!(["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost:3000/cb"]);
    let World { app, ann, client, .. } = &world_with(store, changes).await;
    for uri in ["http://127.0.0.1:51004/callback", "http://[::1]:9/callback", "http://127.0.0.1/callback"] {
        let request = client.request().with("redirect_uri", uri);
        let code = log_in(&mut Browser::new(app), ann, &request).await.code();
        // The exchange names the very URI of the request.
        let other = request.clone().with("redirect_uri", "http://127.0.0.1:51005/callback");
        exchange(app, &other, &code).await.expect_oauth_error("invalid_grant");
        granted(exchange(app, &request, &code).await);
    }
    for uri in [
        "http://localhost:3001/cb",
        "http://localhost/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.2:51004/callback",
        "https://127.0.0.1:51004/callback",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1:/callback/..",
        "http://127.0.0.1:65536/callback",
        "http://0x7f000001:51004/callback",
        "http://127.1:51004/callback",
    ] {
        let request = client.request().with("redirect_uri", uri);
        authorize(&mut Browser::new(app), &request).await.expect_refused();
    }
}

async fn loopback_ports_are_fixed_for_confidential_clients(store: Arc<dyn Store>) {
    let changes = json!({ "redirect_uris": ["http://127.0.0.1:8080/callback"] });
    let World { app, client, .. } = &world_with(store, changes).await;
    let mut browser = Browser::new(app);
    authorize(&mut browser, &client.request()).await.page();
    let request = client.request().with("redirect_uri", "http://127.0.0.1:8081/callback");
    authorize(&mut browser, &request).await.expect_refused();
}

async fn private_schemes_return_to_native_applications(store: Arc<dyn Store>) {
    let mut changes = public();
    changes["redirect_uris"] = json!(["com.example.app:/callback"]);
    let World { app, ann, client, .. } = &world_with(store, changes).await;
    let request = client.request();
    let code = log_in(&mut Browser::new(app), ann, &request).await.code();
    granted(exchange(app, &request, &code).await);
    for other in ["com.example.app:/other", "com.example.app://callback", "com.example.APP:/callback"] {
        let request = client.request().with("redirect_uri", other);
        authorize(&mut Browser::new(app), &request).await.expect_refused();
    }
}

async fn unsafe_uris_cannot_be_registered(store: Arc<dyn Store>) {
    let World { app, boss, .. } = &world(store).await;
    for uri in [
        "https://*.example/callback",
        "https://app.example/*",
        "https://app.example/callback#x",
        "https://user:secret@app.example/callback",
        "http://app.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/callback",
        "com.example.app:/callback",
        "/callback",
        "https://app.example/ä",
    ] {
        let body = settings(json!({ "redirect_uris": [uri] }));
        let call = app.post("/admin/clients").bearer(&boss.tokens.access).json(&body);
        let reply = call.send().await.expect_status(422);
        assert!(reply.text().contains("redirect_uris"), "{reply}");
    }
}

async fn withdrawn_uri_is_refused_at_once(store: Arc<dyn Store>) {
    let world = world(store).await;
    let request = world.client.request();
    let mut browser = Browser::new(&world.app);
    let page = authorize(&mut browser, &request).await.page();
    change_client(&world, json!({ "redirect_uris": ["https://new.example/callback"] })).await;
    // Also for a request whose page is already open.
    let reply = super::enter_password(&mut browser, &page, &world.ann.email, PASSWORD).await;
    request.outcome(reply).expect_refused();
    authorize(&mut browser, &request).await.expect_refused();
}

async fn uri_of_another_client_is_refused(store: Arc<dyn Store>) {
    let World { app, boss, client, .. } = &world(store).await;
    let other = create_client(app, boss, json!({})).await;
    let request = client.request().with("redirect_uri", &other.redirect_uri);
    authorize(&mut Browser::new(app), &request).await.expect_refused();
}

async fn error_page_shows_no_foreign_text(store: Arc<dyn Store>) {
    let World { app, client, .. } = &world(store).await;
    let script = "<script>alert(1)</script>";
    let request = client.request().with("redirect_uri", script).with("state", script);
    let reply = Browser::new(app).open(&request.path()).await.expect_status(400);
    assert!(!reply.text().contains(script) && Form::all(&reply).is_empty(), "{reply}");
    let request = client.request().with("client_id", script);
    let reply = Browser::new(app).open(&request.path()).await.expect_status(400);
    assert!(!reply.text().contains(script), "{reply}");
}
