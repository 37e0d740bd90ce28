//! Cross-origin requests to the endpoints for applications: the origins of registered redirect URIs may make them, and
//! no others.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Reply, TestApp};
use serde_json::json;
use time::Duration;

use super::{World, change_client, create_client, public, world, world_with};

stories! {
    registered_origins_may_exchange_codes
    other_origins_may_not
    configured_origins_are_no_applications
    disabled_clients_have_no_origins
    documents_are_open_to_registered_origins
    pages_and_own_endpoints_stay_closed
}

const GRANT: &str = "access-control-allow-origin";

/// How long an instance may keep the origins that it has read.
const KEPT: Duration = Duration::seconds(5);

const ENDPOINTS: [&str; 2] = ["/oauth/token", "/oauth/userinfo"];

async fn preflight(app: &TestApp, origin: &str, path: &str) -> Reply {
    app.call("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
}

async fn simple(app: &TestApp, origin: &str, path: &str) -> Reply {
    app.post(path).header("origin", origin).form(&[("grant_type", "x")]).send().await
}

/// The world with a single-page application.
async fn single_page(store: Arc<dyn Store>) -> (World, String) {
    let world = world_with(store, public()).await;
    let origin = world.client.redirect_uri.strip_suffix("/callback").expect("an origin").to_owned();
    (world, origin)
}

async fn registered_origins_may_exchange_codes(store: Arc<dyn Store>) {
    let (world, origin) = single_page(store).await;
    for path in ENDPOINTS {
        let reply = preflight(&world.app, &origin, path).await;
        assert_eq!(reply.header(GRANT), Some(origin.as_str()), "{reply}");
        let methods = reply.header("access-control-allow-methods").unwrap_or_default();
        assert!(methods.contains("POST"), "{reply}");
        let headers = reply.header("access-control-allow-headers").unwrap_or_default();
        assert!(headers.contains("authorization") && headers.contains("content-type"), "{reply}");
        let reply = simple(&world.app, &origin, path).await;
        assert_eq!(reply.header(GRANT), Some(origin.as_str()), "{reply}");
        assert!(reply.header("access-control-allow-credentials").is_none(), "{reply}");
    }
}

async fn other_origins_may_not(store: Arc<dyn Store>) {
    let (world, origin) = single_page(store).await;
    for other in [
        "https://evil.example",
        "null",
        "*",
        "",
        &format!("{origin}.evil.example"),
        &format!("{origin}:8443"),
        &format!("{origin}/"),
        &origin.replace("https:", "http:"),
        &format!("https://evil.example/{origin}"),
    ] {
        for path in ENDPOINTS {
            assert!(preflight(&world.app, other, path).await.header(GRANT).is_none(), "{other}");
            assert!(simple(&world.app, other, path).await.header(GRANT).is_none(), "{other}");
        }
    }
}

/// The origins of `CORS_ALLOWED_ORIGINS` are those of the service's own API.
async fn configured_origins_are_no_applications(store: Arc<dyn Store>) {
    let world = world(store).await;
    let configured = "http://localhost:3000";
    assert_eq!(preflight(&world.app, configured, "/users/me").await.header(GRANT), Some(configured));
    for path in ENDPOINTS {
        assert!(preflight(&world.app, configured, path).await.header(GRANT).is_none(), "{path}");
    }
    let uris =
        json!({ "kind": "public", "auth_method": "none", "redirect_uris": ["http://localhost:3000/cb"] });
    create_client(&world.app, &world.boss, uris).await;
    world.app.clock.advance(KEPT);
    for path in ENDPOINTS {
        assert_eq!(preflight(&world.app, configured, path).await.header(GRANT), Some(configured), "{path}");
    }
}

async fn disabled_clients_have_no_origins(store: Arc<dyn Store>) {
    let (world, origin) = single_page(store).await;
    assert!(preflight(&world.app, &origin, ENDPOINTS[0]).await.header(GRANT).is_some());
    change_client(&world, json!({ "state": "disabled" })).await;
    world.app.clock.advance(KEPT);
    for path in ENDPOINTS {
        assert!(preflight(&world.app, &origin, path).await.header(GRANT).is_none(), "{path}");
    }
}

async fn documents_are_open_to_registered_origins(store: Arc<dyn Store>) {
    let (world, origin) = single_page(store).await;
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        for origin in [origin.as_str(), "http://localhost:3000"] {
            let reply = world.app.get(path).header("origin", origin).send().await.expect_status(200);
            assert_eq!(reply.header(GRANT), Some(origin), "{reply}");
        }
        let reply = world.app.get(path).header("origin", "https://evil.example").send().await;
        assert!(reply.header(GRANT).is_none(), "{reply}");
    }
}

async fn pages_and_own_endpoints_stay_closed(store: Arc<dyn Store>) {
    let (world, origin) = single_page(store).await;
    for path in ["/oauth/authorize", "/oauth/logout", "/login", "/consent", "/users/me", "/auth/login"] {
        let reply = preflight(&world.app, &origin, path).await;
        assert!(reply.header(GRANT).is_none(), "{reply}");
    }
}
