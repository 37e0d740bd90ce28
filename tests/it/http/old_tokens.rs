//! Access tokens of the legacy service, with and without `legacy_tokens_until`.

use std::sync::Arc;

use inwren_domain::account::import::{Destination, Importer, Incoming, IncomingPassword, Outcome, Policy};
use inwren_domain::credential::{ClientTrust, Password, Requester, set_password};
use inwren_domain::kernel::{ClientInfo, Email};
use inwren_domain::store::Store;
use inwren_tests::app::forge::Forger;
use inwren_tests::app::{Account, PASSWORD, Reply, TestApp, key, old_service};
use inwren_tests::fakes::faulty_store;
use inwren_tests::fixtures::{fresh_email, now, user_id};
use serde_json::{Value, json};
use time::Duration;

use super::protected;
use super::tokens::all_are_refused;
use crate::forgeries::{self, Forgery, Original};

stories! {
    an_old_token_is_as_good_as_its_user_is_now
    an_old_token_may_name_its_user_by_the_address
    legacy_token_of_a_reused_address_is_refused
    old_tokens_are_refused_for_registered_users
    old_tokens_cannot_administer
    what_needs_a_recent_login_asks_for_one
    a_logout_ends_all_old_tokens_and_no_session
    a_revocation_ends_all_old_tokens
    whatever_ends_sessions_ends_old_tokens
    an_old_token_is_good_until_it_expires_or_the_time_is_over
    without_the_setting_an_old_token_is_nothing
    to_other_services_an_old_token_is_nothing
}

mod forged {
    use super::{no_forged_token_gets_in_while_old_ones_do, no_old_token_is_exchanged};
    stories! {
        memory:
        no_forged_token_gets_in_while_old_ones_do
        no_old_token_is_exchanged
    }
}

const LIFETIME: Duration = Duration::days(10);

/// The service while it accepts legacy tokens.
fn moving_in(store: Arc<dyn Store>) -> TestApp {
    TestApp::configured(store, |config| config.legacy_tokens_until = Some(now() + LIFETIME))
}

/// A user who was imported from the legacy service, with one session here.
async fn adopted(app: &TestApp) -> Account {
    adopted_as(app, fresh_email(), false).await
}

async fn adopted_superuser(app: &TestApp) -> Account {
    adopted_as(app, fresh_email(), true).await
}

async fn adopted_as(app: &TestApp, email: Email, is_superuser: bool) -> Account {
    let core = &app.state.core;
    let client = ClientInfo::default();
    let requester = Requester::new(&client, ClientTrust::Recognised);
    let hash = core.hasher.hash(Password::new(PASSWORD), requester).await.unwrap();
    let incoming = Incoming {
        place: "a row".to_owned(),
        id: user_id(),
        email: email.clone(),
        password: IncomingPassword::Hash(hash),
        is_active: true,
        is_superuser,
        tier: Some("free".to_owned()),
        created_at: None,
        updated_at: None,
        email_verified_at: None,
        credential_version: None,
        factors: Vec::new(),
        recovery_codes: Vec::new(),
    };
    let destination = Destination::from(core);
    let outcomes =
        Importer::new(&destination, Policy::default()).batch(std::slice::from_ref(&incoming)).await;
    assert_eq!(outcomes.unwrap(), [Outcome::Added { without_password: false }]);
    let tokens = app.login(email.as_str()).await;
    Account { id: incoming.id.to_string(), email: email.as_str().to_owned(), tokens }
}

fn forger() -> Forger {
    Forger::with(key())
}

fn old_token(app: &TestApp, subject: &str) -> String {
    old_service::token(&forger(), &old_service::claims(subject, app.clock_seconds()))
}

async fn an_old_token_is_as_good_as_its_user_is_now(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let (boss, ann) = (adopted_superuser(&app).await, adopted(&app).await);
    let issued_at = app.clock_seconds();
    let of = |account: &Account, more: Value| {
        let mut claims = old_service::claims(&account.id, issued_at);
        let fields = claims.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        old_service::token(&forger(), &claims)
    };
    // The service ignores the rights that the token states.
    let said = |is_superuser: bool| json!({ "is_superuser": is_superuser, "tier": "enterprise", "email": "x@y.example" });
    let token = of(&ann, said(true));
    let me = app.me(&token).await.expect_status(200).json();
    assert_eq!((&me["id"], &me["email"], &me["tier"]), (&json!(ann.id), &json!(ann.email), &json!("free")));
    app.get("/admin/users").bearer(&token).send().await.expect_problem(403, "not-permitted");
    let by_boss = of(&boss, said(false));
    app.me(&by_boss).await.expect_status(200).json();
    expect_login_needed(&app.get("/admin/users").bearer(&by_boss).send().await);

    // A legacy token belongs to no session, but its user has one and may end it.
    let sessions = app.get("/users/me/sessions").bearer(&token).send().await.expect_status(200).json();
    let [session] = sessions["items"].as_array().unwrap().as_slice() else { panic!("{sessions}") };
    assert_eq!(session["current"], false);
    let path = format!("/users/me/sessions/{}", session["id"].as_str().unwrap());
    app.delete(&path).bearer(&token).send().await.expect_done();
    app.me(&ann.tokens.access).await.expect_invalid_token();

    // Other forms that such services issue.
    let id = uuid::Uuid::parse_str(&ann.id).unwrap();
    for subject in [id.simple().to_string(), ann.id.to_uppercase()] {
        app.me(&old_token(&app, &subject)).await.expect_status(200).json();
    }
    for more in [
        json!({ "iss": "https://old.example", "aud": ["a", "b"], "jti": "1", "nbf": issued_at }),
        json!({ "token_type": "access" }),
        json!({ "exp": issued_at + 86_400 }),
        json!({ "exp": issued_at + 1 }),
    ] {
        app.me(&of(&ann, more)).await.expect_status(200).json();
    }
    for name in ["iat", "type"] {
        let mut claims = old_service::claims(&ann.id, issued_at);
        claims.as_object_mut().unwrap().remove(name);
        app.me(&old_service::token(&forger(), &claims)).await.expect_status(200).json();
    }
    let other_order = forger().sign(
        inwren_tests::app::forge::Algorithm::Rs256,
        r#"{"typ":"JWT","alg":"RS256"}"#,
        old_service::claims(&ann.id, issued_at).to_string(),
    );
    app.me(&other_order).await.expect_status(200).json();
    let nobody = uuid::Uuid::from_u128(7).to_string();
    app.me(&old_token(&app, &nobody)).await.expect_invalid_token();
}

async fn an_old_token_may_name_its_user_by_the_address(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let ann = adopted(&app).await;
    for address in [ann.email.clone(), ann.email.to_uppercase()] {
        let me = app.me(&old_token(&app, &address)).await.expect_status(200).json();
        assert_eq!(me["id"], json!(ann.id));
    }
    let mut claims = old_service::claims(&ann.email, app.clock_seconds());
    claims.as_object_mut().unwrap().remove("iat");
    // Without a time of issue, the token may belong to a former holder of the address.
    app.me(&old_service::token(&forger(), &claims)).await.expect_invalid_token();
    app.me(&old_token(&app, "nobody@example.org")).await.expect_invalid_token();
}

async fn legacy_token_of_a_reused_address_is_refused(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let (ann, bob) = (adopted(&app).await, adopted(&app).await);
    let token = old_token(&app, &ann.email);
    let change = async |account: &Account, email: &str| {
        let body = json!({ "email": email });
        app.put("/users/me")
            .bearer(&account.tokens.access)
            .json(&body)
            .send()
            .await
            .expect_status(200)
            .json();
    };
    change(&ann, fresh_email().as_str()).await;
    app.me(&token).await.expect_invalid_token();
    // A user who existed before the token was issued takes the address.
    change(&bob, &ann.email).await;
    app.me(&token).await.expect_invalid_token();
    app.me(&bob.tokens.access).await.expect_status(200).json();
    change(&bob, fresh_email().as_str()).await;
    // A user who was imported after the token was issued takes the address.
    app.clock.advance(Duration::minutes(1));
    adopted_as(&app, Email::parse(&ann.email).unwrap(), false).await;
    app.me(&token).await.expect_invalid_token();
    app.me(&old_token(&app, &ann.email)).await.expect_status(200).json();
}

async fn old_tokens_are_refused_for_registered_users(store: Arc<dyn Store>) {
    let app = moving_in(store);
    // While the legacy service runs, it issues tokens for any address that is free there.
    for account in [app.user_fixture().await, app.superuser().await] {
        app.clock.advance(Duration::minutes(1));
        for subject in [&account.email, &account.id] {
            let token = old_token(&app, subject);
            for operation in protected::operations(&app) {
                let reply = protected::attempt(&app, &operation).bearer(&token).send().await;
                assert_eq!(reply.status, 401, "{reply}");
                reply.expect_invalid_token();
            }
            let reply = app.post("/auth/revoke").form(&[("token", token.as_str())]).send().await;
            assert_eq!(reply.status, 200, "{reply}");
        }
        app.me(&account.tokens.access).await.expect_status(200).json();
        app.refresh(&account.tokens.refresh).await;
    }
}

async fn old_tokens_cannot_administer(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let (boss, ann) = (adopted_superuser(&app).await, adopted(&app).await);
    let token = old_token(&app, &boss.id);
    app.me(&token).await.expect_status(200).json();
    let operations = protected::operations(&app);
    let administration: Vec<_> =
        operations.iter().filter(|operation| operation.path.starts_with("/admin/")).collect();
    assert!(administration.len() >= 6, "{administration:?}");
    for operation in administration {
        let call = app.call(&operation.method, &operation.path_with(&ann.id));
        expect_login_needed(&call.bearer(&token).json(&json!({})).send().await);
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
    let form = [("token", ann.tokens.access.as_str())];
    expect_login_needed(&app.post("/auth/introspect").bearer(&token).form(&form).send().await);
    // After the login that the service asks for, the request succeeds.
    app.get("/admin/users").bearer(&boss.tokens.access).send().await.expect_status(200).json();
}

fn expect_login_needed(reply: &Reply) {
    reply.expect_problem(401, "insufficient-user-authentication");
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
}

async fn what_needs_a_recent_login_asks_for_one(store: Arc<dyn Store>) {
    for max_age in [Duration::minutes(15), Duration::ZERO] {
        let app = TestApp::configured(store.clone(), |config| {
            config.legacy_tokens_until = Some(now() + LIFETIME);
            config.rules.reauthentication_max_age = max_age;
        });
        let ann = adopted(&app).await;
        let token = old_token(&app, &ann.id);
        let password = json!({ "current_password": PASSWORD, "new_password": "a new pass phrase" });
        let email = json!({ "email": fresh_email().as_str() });
        for call in [
            app.post("/users/me/password").json(&password),
            app.put("/users/me").json(&email),
            app.delete("/users/me"),
        ] {
            expect_login_needed(&call.bearer(&token).send().await);
        }
        let me = app.me(&token).await.expect_status(200).json();
        assert_eq!(me["email"], json!(ann.email));
        let tier = app.put("/users/me").bearer(&token).json(&json!({ "tier": "free" }));
        tier.send().await.expect_status(200).json();
        // After the login that the service asks for, the request succeeds.
        let tokens = app.login(&ann.email).await;
        app.post("/users/me/password")
            .bearer(&tokens.access)
            .json(&password)
            .send()
            .await
            .expect_status(200)
            .tokens();
        app.me(&token).await.expect_invalid_token();
    }
}

async fn a_logout_ends_all_old_tokens_and_no_session(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let (ann, bob) = (adopted(&app).await, adopted(&app).await);
    let (one, of_bob) = (old_token(&app, &ann.id), old_token(&app, &bob.id));
    app.clock.advance(Duration::minutes(1));
    let other = old_token(&app, &ann.id);
    app.post("/auth/logout").bearer(&one).send().await.expect_done();
    for token in [&one, &other] {
        app.me(token).await.expect_invalid_token();
        app.post("/auth/logout").bearer(token).send().await.expect_invalid_token();
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
    app.refresh(&ann.tokens.refresh).await;
    app.login(&ann.email).await;
    app.me(&of_bob).await.expect_status(200).json();
    // Logout ends no legacy token, because that token may be on another device.
    app.post("/auth/logout").bearer(&bob.tokens.access).send().await.expect_done();
    app.me(&of_bob).await.expect_status(200).json();
}

async fn a_revocation_ends_all_old_tokens(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let ann = adopted(&app).await;
    let token = old_token(&app, &ann.id);
    for _ in 0..2 {
        let reply = app.post("/auth/revoke").form(&[("token", token.as_str())]).send().await;
        assert_eq!(reply.status, 200, "{reply}");
        app.me(&token).await.expect_invalid_token();
    }
    app.me(&ann.tokens.access).await.expect_status(200).json();
}

async fn whatever_ends_sessions_ends_old_tokens(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let (boss, bystander) = (adopted_superuser(&app).await, adopted(&app).await);
    let by_boss = async |path: String, body: Value| {
        app.put(&path).bearer(&boss.tokens.access).json(&body).send().await.expect_status(200).json();
    };
    for (place, what) in
        ["sessions", "deactivation", "demotion", "address", "operator", "others", "others by old"]
            .into_iter()
            .enumerate()
    {
        let ann = if what == "demotion" { adopted_superuser(&app).await } else { adopted(&app).await };
        let token = old_token(&app, &ann.id);
        app.me(&token).await.expect_status(200).json();
        let path = format!("/admin/users/{}", ann.id);
        match what {
            // The administrator's revocation ends legacy tokens even if the account has no session left.
            "sessions" => {
                app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_done();
                app.me(&token).await.expect_status(200).json();
                let call = app.delete(&format!("{path}/sessions")).bearer(&boss.tokens.access);
                call.send().await.expect_done();
            }
            "deactivation" => {
                by_boss(path.clone(), json!({ "is_active": false })).await;
                app.me(&token).await.expect_invalid_token();
                by_boss(path, json!({ "is_active": true })).await;
            }
            "demotion" => by_boss(path, json!({ "is_superuser": false })).await,
            "address" => by_boss(path, json!({ "email": format!("new-{place}-{}", ann.email) })).await,
            "operator" => {
                let email = Email::parse(&ann.email).unwrap();
                let password = Password::new("set by the operator");
                set_password::execute(&app.state.core, &email, password).await.unwrap();
            }
            "others" => {
                app.delete("/users/me/sessions").bearer(&ann.tokens.access).send().await.expect_done();
                app.me(&ann.tokens.access).await.expect_status(200).json();
            }
            _ => {
                app.delete("/users/me/sessions").bearer(&token).send().await.expect_done();
                app.me(&ann.tokens.access).await.expect_invalid_token();
            }
        }
        let reply = app.me(&token).await;
        assert_eq!(reply.status, 401, "{what}: {reply}");
        // The user can still log in.
        let password = if what == "operator" { "set by the operator" } else { PASSWORD };
        let email = if what == "address" { format!("new-{place}-{}", ann.email) } else { ann.email.clone() };
        app.try_login(&email, password).await.expect_status(200).tokens();
    }
    app.me(&old_token(&app, &bystander.id)).await.expect_status(200).json();
    app.me(&bystander.tokens.access).await.expect_status(200).json();
}

async fn an_old_token_is_good_until_it_expires_or_the_time_is_over(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let ann = adopted(&app).await;
    let token = old_token(&app, &ann.id);
    app.clock.advance(Duration::minutes(30));
    app.me(&token).await.expect_status(200).json();
    app.clock.advance(Duration::seconds(inwren_tests::app::LEEWAY_SECONDS));
    app.me(&token).await.expect_invalid_token();
    app.clock.set(now() + LIFETIME - Duration::hours(1));
    app.me(&old_token(&app, &ann.id)).await.expect_status(200).json();
    app.clock.set(now() + LIFETIME - Duration::minutes(10));
    // The token would expire after `legacy_tokens_until`.
    app.me(&old_token(&app, &ann.id)).await.expect_invalid_token();
    let mut claims = old_service::claims(&ann.id, app.clock_seconds());
    claims["exp"] = json!(app.clock_seconds() + 60);
    let short = old_service::token(&forger(), &claims);
    app.me(&short).await.expect_status(200).json();
    app.clock.set(now() + LIFETIME);
    app.me(&short).await.expect_invalid_token();
}

async fn without_the_setting_an_old_token_is_nothing(store: Arc<dyn Store>) {
    let (counted, asked) = faulty_store(store);
    let app = TestApp::over(counted);
    let ann = adopted(&app).await;
    asked.take_calls();
    let token = old_token(&app, &ann.id);
    for operation in protected::operations(&app) {
        protected::attempt(&app, &operation).bearer(&token).send().await.expect_invalid_token();
    }
    app.post("/auth/revoke").form(&[("token", token.as_str())]).send().await;
    assert!(asked.take_calls().is_empty(), "the store was asked");
    // Revoking the sessions writes nothing for legacy tokens either.
    let version = async || {
        let id = inwren_domain::kernel::UserId::from_uuid(uuid::Uuid::parse_str(&ann.id).unwrap());
        let user = app.state.core.store.read().await.unwrap().users().by_id(id).await.unwrap();
        user.unwrap().credential_version
    };
    app.delete("/users/me/sessions").bearer(&ann.tokens.access).send().await.expect_done();
    assert_eq!(version().await, 0);
}

async fn to_other_services_an_old_token_is_nothing(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let (boss, ann) = (adopted_superuser(&app).await, adopted(&app).await);
    let token = old_token(&app, &ann.id);
    let call = app.post("/auth/introspect").bearer(&boss.tokens.access).form(&[("token", token.as_str())]);
    assert_eq!(call.send().await.expect_status(200).json(), json!({ "active": false }));
    app.me(&token).await.expect_status(200).json();
}

/// Forgeries of Inwren tokens and of legacy tokens.
fn all_forgeries(app: &TestApp, account: &Account) -> Vec<Forgery> {
    let now = app.clock_seconds();
    let Account { id, tokens, .. } = account;
    let mut all = Original::new(key(), &tokens.access, &tokens.refresh, now).forgeries();
    let public = key().public();
    let pem = public.to_pem().unwrap();
    let until = now + LIFETIME.whole_seconds();
    all.extend(forgeries::old_service::all(&forger(), &pem, public.id(), id, now, until));
    all
}

async fn no_forged_token_gets_in_while_old_ones_do(store: Arc<dyn Store>) {
    let (counted, asked) = faulty_store(store);
    let app = moving_in(counted);
    let admin = adopted_superuser(&app).await;
    app.me(&old_token(&app, &admin.id)).await.expect_status(200).json();
    asked.take_calls();
    all_are_refused(&app, &asked, &all_forgeries(&app, &admin)).await;
}

async fn no_old_token_is_exchanged(store: Arc<dyn Store>) {
    let app = moving_in(store);
    let ann = adopted(&app).await;
    let mut refresh = old_service::claims(&ann.id, app.clock_seconds());
    refresh["type"] = json!("refresh");
    for token in [old_token(&app, &ann.id), old_service::token(&forger(), &refresh)] {
        app.try_refresh(&token).await.expect_invalid_token();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        app.post("/auth/access-token").form(&form).send().await.expect_oauth_error("invalid_grant");
    }
    app.refresh(&ann.tokens.refresh).await;
}
