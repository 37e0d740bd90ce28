//! What the modules of the OpenID Foundation's certification plan for back-channel logout check (OpenID Connect
//! Back-Channel Logout 1.0).

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::TestApp;
use serde_json::json;

use super::logout_tokens::{delivered, logout_uri};
use super::{expect_logged_out, verified, world_with};

stories! {
    discovery_announces_backchannel_logout
    rp_initiated_logout_sends_a_logout_token
}

async fn discovery_announces_backchannel_logout(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let document = app.get("/.well-known/openid-configuration").send().await.expect_status(200).json();
    assert_eq!(document["backchannel_logout_supported"], true);
    assert_eq!(document["backchannel_logout_session_supported"], true);
}

async fn rp_initiated_logout_sends_a_logout_token(store: Arc<dyn Store>) {
    let world = world_with(store, logout_uri()).await;
    let (mut browser, tokens) = world.signed_in().await;
    let query = [("id_token_hint", tokens.id()), ("post_logout_redirect_uri", &world.client.goodbye)];
    let query = serde_urlencoded::to_string(&query[..]).expect("a query");
    let reply = browser.open(&format!("/oauth/logout?{query}")).await;
    assert_eq!(reply.header("location"), Some(world.client.goodbye.as_str()), "{reply}");
    expect_logged_out(&mut browser, &world.client).await;
    let sent = delivered(&world).await;
    assert_eq!(sent.len(), 1);
    let (_, claims) = verified(&world.app, &sent[0]).await;
    assert_eq!(claims["aud"], json!(world.client.id));
    assert_eq!(claims["sid"], tokens.claims()["sid"]);
}
