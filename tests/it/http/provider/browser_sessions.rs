//! The session of a browser: its cookie, the forms of its pages, and attacks on them (OWASP ASVS 5.0, 3.3 to 3.5 and
//! 7.2).

use std::sync::Arc;

use inwren_domain::kernel::Clock as _;
use inwren_domain::store::Store;
use inwren_tests::app::{Browser, Form, ISSUER, PASSWORD, Reply, SESSION_COOKIE, TestApp};
use inwren_tests::authenticator::totp_code;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use super::{
    World, authorize, change_client, consent, create_client, credentials, enrol, enter_code, enter_password,
    expect_logged_out, log_in, login_form, next_code, public, sign_in, sign_in_again, third_party, world,
    world_with,
};

stories! {
    login_of_another_site_is_refused
    form_of_another_browser_is_refused
    form_without_its_value_is_refused
    form_of_another_request_leads_to_that_request
    form_expires_after_30_minutes
    consent_of_another_site_is_refused
    consent_of_another_user_is_refused
    chosen_cookie_is_not_adopted
    cookie_changes_at_login
    cookie_changes_at_step_up
    former_cookie_is_void
    cookie_is_no_token
    token_is_no_cookie
    idle_session_ends_after_24_hours
    used_session_ends_after_30_days
    no_page_can_be_framed
    forms_lead_to_the_application_only
    pages_are_never_stored
    pages_run_no_foreign_script
    second_factor_is_asked_in_the_browser
    wrong_codes_end_the_login
    browser_session_is_listed_and_revoked
    pages_without_a_form_lead_to_the_login
    login_page_shares_the_limits_of_the_api
}

async fn login_of_another_site_is_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    // The attacker has a valid form, but of the attacker's own browser.
    let request = client.request();
    let page = authorize(&mut Browser::new(app), &request).await.page();
    let fields = credentials(&login_form(&page), &ann.email, PASSWORD);
    let mut victim = Browser::new(app);
    authorize(&mut victim, &client.request()).await.page();
    for origin in
        ["https://evil.example", "http://issuer.example.org", "https://issuer.example.org.evil.example"]
    {
        let reply = victim.post_from(origin, "/login", &fields).await;
        assert_eq!(reply.status, 403, "{reply}");
    }
    let encoded = serde_urlencoded::to_string(&fields).expect("a form");
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", ISSUER), ("sec-fetch-site", "cross-site")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    ] {
        let call = app.post("/login").body("application/x-www-form-urlencoded", encoded.clone());
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let reply = call.send().await;
        assert_eq!(reply.status, 403, "{reply}");
        assert!(!reply.headers.contains_key("set-cookie"), "{reply}");
    }
    assert!(victim.session().is_none());
}

async fn form_of_another_browser_is_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let page = authorize(&mut Browser::new(app), &client.request()).await.page();
    let mut fresh = Browser::new(app);
    let mut other = Browser::new(app);
    authorize(&mut other, &client.request()).await.page();
    for victim in [&mut fresh, &mut other] {
        let reply = enter_password(victim, &page, &ann.email, PASSWORD).await;
        assert_eq!(reply.status, 400, "{reply}");
        assert!(victim.session().is_none(), "{reply}");
    }
}

async fn form_without_its_value_is_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let page = authorize(&mut browser, &client.request()).await.page();
    let fields = credentials(&login_form(&page), &ann.email, PASSWORD);
    let is_other = |(name, _): &&(String, String)| name != "interaction";
    let without: Vec<_> = fields.iter().filter(is_other).cloned().collect();
    assert!(without.len() < fields.len(), "{fields:?}");
    let value = fields.iter().find(|field| !is_other(field)).expect("a value").1.clone();
    let (payload, mac) = value.split_once('.').expect("two parts");
    let changed: String = mac.chars().rev().collect();
    for forged in [String::new(), payload.to_owned(), format!("{payload}."), format!("{payload}.{changed}")] {
        let mut fields = without.clone();
        fields.push(("interaction".to_owned(), forged));
        let reply = browser.post("/login", &fields).await;
        assert_eq!(reply.status, 400, "{reply}");
    }
    assert_eq!(browser.post("/login", &without).await.status, 400);
    assert!(browser.session().is_none());
}

/// The parameters are those of the form, whatever the browser did since.
async fn form_of_another_request_leads_to_that_request(store: Arc<dyn Store>) {
    let World { app, boss, ann, client, .. } = &world(store).await;
    let other = create_client(app, boss, public()).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let page = authorize(&mut browser, &request).await.page();
    authorize(&mut browser, &other.request()).await.page();
    request.outcome(enter_password(&mut browser, &page, &ann.email, PASSWORD).await).code();
}

async fn form_expires_after_30_minutes(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    let page = authorize(&mut browser, &client.request()).await.page();
    app.clock.advance(Duration::minutes(30) + Duration::SECOND);
    let reply = enter_password(&mut browser, &page, &ann.email, PASSWORD).await;
    assert_eq!(reply.status, 400, "{reply}");
    assert!(browser.session().is_none());
    let request = client.request();
    let page = authorize(&mut browser, &request).await.page();
    app.clock.advance(Duration::minutes(29));
    request.outcome(enter_password(&mut browser, &page, &ann.email, PASSWORD).await).code();
}

async fn consent_of_another_site_is_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world_with(store, third_party()).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let page = log_in(&mut browser, ann, &request).await.page();
    let fields = Form::find(&page, "/consent", &[("action", "allow")]).filled(&[("action", "allow")]);
    assert_eq!(browser.post_from("https://evil.example", "/consent", &fields).await.status, 403);
    let silent = client.request().with("prompt", "none");
    assert_eq!(authorize(&mut browser, &silent).await.error(), "consent_required");
}

/// Another user logs in between the page and its form.
async fn consent_of_another_user_is_refused(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world_with(store, third_party()).await;
    let bob = app.user_fixture().await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let page = log_in(&mut browser, ann, &request).await.page();
    app.clock.advance(Duration::SECOND);
    let again = client.request().with("prompt", "login");
    log_in(&mut browser, &bob, &again).await.page();
    let reply = consent(&mut browser, &page, "allow").await;
    assert!(!matches!(request.outcome(reply), super::Outcome::Code(_)));
    let silent = client.request().with("prompt", "none");
    assert_eq!(authorize(&mut browser, &silent).await.error(), "consent_required");
}

async fn chosen_cookie_is_not_adopted(store: Arc<dyn Store>) {
    let World { app, ann, client, .. } = &world(store).await;
    let mut attacker = Browser::new(app);
    authorize(&mut attacker, &client.request()).await.page();
    let chosen = format!("{}.{}", "0".repeat(32), "A".repeat(43));
    for value in [chosen.as_str(), "x", "x.y"] {
        let mut victim = Browser::new(app);
        victim.set_cookie(SESSION_COOKIE, value);
        log_in(&mut victim, ann, &client.request()).await.code();
        assert_ne!(victim.session(), Some(value));
        attacker.set_cookie(SESSION_COOKIE, value);
        expect_logged_out(&mut attacker, client).await;
    }
}

/// Checks that a cookie no longer belongs to a session.
async fn expect_void(world: &World, cookie: &str) {
    let mut browser = Browser::new(&world.app);
    browser.set_cookie(SESSION_COOKIE, cookie);
    expect_logged_out(&mut browser, &world.client).await;
}

async fn cookie_changes_at_login(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, tokens) = world.signed_in().await;
    let former = browser.session().expect("a session").to_owned();
    world.app.clock.advance(Duration::SECOND);
    let request = world.client.request().with("prompt", "login");
    sign_in(&world.app, &mut browser, &world.ann, &request).await;
    assert_ne!(browser.session(), Some(former.as_str()));
    expect_void(&world, &former).await;
    // The same user goes on in the applications.
    super::expect_live(&world.app, &world.client, &tokens).await;
}

async fn cookie_changes_at_step_up(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, tokens) = world.signed_in().await;
    let secret = enrol(app, ann).await;
    change_client(&world, json!({ "min_acr": "aal2" })).await;
    let former = browser.session().expect("a session").to_owned();
    let request = client.request();
    let page = authorize(&mut browser, &request).await.page();
    let code = next_code(app, &secret);
    request.outcome(enter_code(&mut browser, &page, &code).await).code();
    assert_ne!(browser.session(), Some(former.as_str()));
    expect_void(&world, &former).await;
    // Its first token came without the second factor, which the client demands now.
    super::refresh(app, client, tokens.refresh()).await.expect_oauth_error("invalid_grant");
}

async fn former_cookie_is_void(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (browser, _) = world.signed_in().await;
    let cookie = browser.session().expect("a session").to_owned();
    let (id, secret) = cookie.split_once('.').expect("an id and a secret");
    assert!(secret.len() >= 43, "256 bits have 43 characters of base64url");
    let (other, _) = world.signed_in().await;
    let (_, of_other) = other.session().and_then(|cookie| cookie.split_once('.')).expect("a secret");
    for forged in
        [format!("{id}."), format!("{id}.{}", "A".repeat(43)), format!("{id}.{of_other}"), id.to_owned()]
    {
        expect_void(&world, &forged).await;
    }
}

async fn cookie_is_no_token(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (browser, _) = world.signed_in().await;
    let cookie = browser.session().expect("a session");
    world.app.me(cookie).await.expect_invalid_token();
    world.app.try_refresh(cookie).await.expect_invalid_token();
    let name = format!("{SESSION_COOKIE}={cookie}");
    let reply = world.app.get("/users/me").header("cookie", name).send().await;
    reply.expect_problem(401, "missing-token");
}

async fn token_is_no_cookie(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (_, tokens) = world.signed_in().await;
    for token in [tokens.access.as_str(), tokens.refresh(), &world.ann.tokens.refresh] {
        expect_void(&world, token).await;
    }
}

async fn idle_session_ends_after_24_hours(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    for _ in 0..3 {
        world.app.clock.advance(Duration::hours(23));
        sign_in_again(&world.app, &mut browser, &world.client.request()).await;
    }
    world.app.clock.advance(Duration::hours(24));
    expect_logged_out(&mut browser, &world.client).await;
}

async fn used_session_ends_after_30_days(store: Arc<dyn Store>) {
    let world = world(store).await;
    let (mut browser, _) = world.signed_in().await;
    let silent = || world.client.request().with("prompt", "none");
    for _ in 0..31 {
        world.app.clock.advance(Duration::hours(23));
        authorize(&mut browser, &silent()).await.code();
    }
    world.app.clock.advance(Duration::hours(7) - Duration::MINUTE);
    authorize(&mut browser, &silent()).await.code();
    world.app.clock.advance(Duration::MINUTE);
    expect_logged_out(&mut browser, &world.client).await;
}

/// A page of each kind, by its name.
async fn pages(world: &World) -> Vec<(&'static str, Reply)> {
    let World { app, ann, client, .. } = world;
    let mut browser = Browser::new(app);
    let request = client.request();
    let login = authorize(&mut browser, &request).await.page();
    let consent = request.outcome(enter_password(&mut browser, &login, &ann.email, PASSWORD).await).page();
    app.clock.advance(Duration::SECOND);
    let choose = client.request().with("prompt", "select_account");
    let choose = authorize(&mut browser, &choose).await.page();
    let grants = browser.open("/account/grants").await.expect_status(200);
    let logout = browser.open("/oauth/logout").await.expect_status(200);
    let error = client.request().with("redirect_uri", "https://evil.example/");
    let error = browser.open(&error.path()).await.expect_status(400);
    let form_post = client.request().with("response_mode", "form_post").with("prompt", "none");
    let form_post = browser.open(&form_post.path()).await.expect_status(200);
    vec![
        ("login", login),
        ("consent", consent),
        ("choose", choose),
        ("grants", grants),
        ("logout", logout),
        ("error", error),
        ("form_post", form_post),
    ]
}

#[track_caller]
fn directive<'a>(page: &'a Reply, name: &str) -> Option<&'a str> {
    let policy = page.header("content-security-policy").expect("a policy");
    policy.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix(' '))
}

async fn no_page_can_be_framed(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    for (name, page) in pages(&world).await {
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{name}");
        assert_eq!(directive(&page, "frame-ancestors"), Some("'none'"), "{name}");
    }
}

async fn forms_lead_to_the_application_only(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    let origin = world.client.redirect_uri.strip_suffix("/callback").expect("an origin");
    for (name, page) in pages(&world).await {
        let targets = directive(&page, "form-action").unwrap_or("'none'");
        let leads_out = targets.contains(origin);
        assert_eq!(
            leads_out,
            ["login", "consent", "choose", "form_post"].contains(&name),
            "{name}: {targets}"
        );
        let known = ["'self'", "'none'", origin];
        assert!(targets.split(' ').all(|target| known.contains(&target)), "{name}: {targets}");
    }
}

async fn pages_are_never_stored(store: Arc<dyn Store>) {
    let world = world_with(store, third_party()).await;
    for (name, page) in pages(&world).await {
        assert_eq!(page.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "{name}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{name}");
    }
}

async fn pages_run_no_foreign_script(store: Arc<dyn Store>) {
    let changes = json!({ "first_party": false, "name": "<script>alert(1)</script>\"'&" });
    let world = world_with(store, changes).await;
    for (name, page) in pages(&world).await {
        assert!(!page.text().contains("<script>alert"), "{name}: {page}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{name}: {policy}");
        let scripts = directive(&page, "script-src").unwrap_or_default();
        let is_digest = |source: &str| source.starts_with("'sha256-") || source == "'none'";
        assert!(scripts.split_ascii_whitespace().all(is_digest), "{name}: {scripts}");
        for part in [" onclick=", " onload=", " onsubmit=", " style=", "<iframe", "<img src=\"http"] {
            assert!(!page.text().contains(part), "{name}: {part}");
        }
    }
}

async fn second_factor_is_asked_in_the_browser(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let secret = enrol(app, ann).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let page = log_in(&mut browser, ann, &request).await.page();
    assert!(browser.session().is_none(), "the password alone starts no session");
    let code = next_code(app, &secret);
    let code = request.outcome(enter_code(&mut browser, &page, &code).await).code();
    let tokens = super::granted(super::exchange(app, &request, &code).await);
    assert_eq!(tokens.claims()["acr"], "aal2");
    assert_eq!(tokens.claims()["amr"], json!(["pwd", "otp", "mfa"]));
}

async fn wrong_codes_end_the_login(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let secret = enrol(app, ann).await;
    let mut browser = Browser::new(app);
    let request = client.request();
    let first = log_in(&mut browser, ann, &request).await.page();
    let near: Vec<String> = (-3..=3).map(|n| totp_code(&secret, app.clock.now() + super::STEP * n)).collect();
    let wrong = (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("a code");
    let mut page = first.clone();
    for _ in 0..5 {
        page = enter_code(&mut browser, &page, &wrong).await;
        assert!(browser.session().is_none(), "{page}");
    }
    // The first challenge is over, even for a right code.
    let code = next_code(app, &secret);
    enter_code(&mut browser, &first, &code).await;
    assert!(browser.session().is_none());
    expect_logged_out(&mut browser, client).await;
}

async fn browser_session_is_listed_and_revoked(store: Arc<dyn Store>) {
    let world = world(store).await;
    let World { app, ann, client, .. } = &world;
    let (mut browser, tokens) = world.signed_in().await;
    let sessions = app.get("/users/me/sessions").bearer(&ann.tokens.access).send().await.json();
    let listed = sessions["items"].as_array().expect("sessions");
    assert_eq!(listed.len(), 3, "{sessions}");
    let (id, _) = browser.session().and_then(|cookie| cookie.split_once('.')).expect("a cookie");
    let id = Uuid::try_parse(id).expect("an id").to_string();
    assert!(listed.iter().any(|session| session["id"] == json!(id)), "{id}: {sessions}");
    let call = app.delete("/users/me/sessions").bearer(&ann.tokens.access);
    let reply = call.send().await;
    assert!([200, 204].contains(&reply.status), "{reply}");
    expect_logged_out(&mut browser, client).await;
    super::expect_ended(app, client, &tokens).await;
}

async fn pages_without_a_form_lead_to_the_login(store: Arc<dyn Store>) {
    let World { app, ann, .. } = &world(store).await;
    let mut browser = Browser::new(app);
    for path in ["/login/factor", "/consent", "/account/grants", "/login"] {
        let page = browser.open(path).await.expect_status(200);
        assert_eq!((page.path.as_str(), login_form(&page).action.as_str()), ("/login", "/login"), "{path}");
    }
    let page = browser.open("/login").await.expect_status(200);
    let page = enter_password(&mut browser, &page, &ann.email, PASSWORD).await.expect_status(200);
    assert_eq!(page.path, "/account/grants");
}

async fn login_page_shares_the_limits_of_the_api(store: Arc<dyn Store>) {
    let app = TestApp::limited(store);
    let boss = app.superuser().await;
    let client = create_client(&app, &boss, json!({})).await;
    let mut browser = Browser::new(&app);
    let page = authorize(&mut browser, &client.request()).await.page();
    let mut last = page.clone();
    for _ in 0..30 {
        last = enter_password(&mut browser, &page, &boss.email, "wrong password").await;
        if last.status == 429 {
            break;
        }
    }
    assert_eq!(last.status, 429, "{last}");
    assert!(last.header("retry-after").is_some(), "{last}");
    app.try_login(&boss.email, PASSWORD).await.expect_problem(429, "rate-limited");
}
