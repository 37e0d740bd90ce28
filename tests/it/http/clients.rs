//! Service clients: authentication and permissions.

use std::sync::Arc;

use inwren_domain::account::admin::Admin;
use inwren_domain::audit::{AuditEventKind, AuditFilter, OPERATOR};
use inwren_domain::client::{self, ClientId, ClientName, ClientSettings, ClientUid, manage};
use inwren_domain::kernel::ClientInfo;
use inwren_domain::store::Store;
use inwren_tests::app::{AUDIENCE, ISSUER, TestApp, forge};
use inwren_tests::fixtures::{audit_events, unique};
use serde_json::json;

use super::protected;

stories! {
    a_client_gets_a_token_of_its_own
    a_clients_token_is_no_users
    a_client_may_introspect
    a_wrong_client_gets_one_and_the_same_answer
    a_client_proves_in_one_way_who_it_is
    basic_credentials_are_form_decoded
    malformed_basic_credentials_are_refused
    a_revoked_client_is_out_at_once
    what_is_done_to_clients_is_written_down
}

struct Client {
    uid: ClientUid,
    id: ClientId,
    name: String,
    secret: String,
}

async fn client(app: &TestApp) -> Client {
    let name = format!("service-{}", unique());
    let (client::Client { uid, id, .. }, secret) = service(app, &name).await;
    Client { uid, id, name, secret }
}

/// Creates a service, and returns it with its secret.
pub(super) async fn service(app: &TestApp, name: &str) -> (client::Client, String) {
    let settings = ClientSettings::of_service(ClientName::parse(name).unwrap());
    let (admin, caller) = (Admin::operator(), ClientInfo::default());
    let created = manage::create(&app.state.core, admin, None, settings, &caller).await;
    let created = created.expect("a new client");
    (created.client, created.secret.expect("a secret").expose().to_owned())
}

async fn disable(app: &TestApp, client: &Client) -> bool {
    let (admin, caller) = (Admin::operator(), ClientInfo::default());
    manage::disable(&app.state.core, admin, &client.id, &caller).await.is_ok()
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn token(app: &TestApp, client: &Client) -> String {
    let call = app.post("/auth/access-token").basic(&client.id.to_string(), &client.secret).form(&[GRANT]);
    let body = call.send().await.expect_status(200).json();
    body["access_token"].as_str().unwrap().to_owned()
}

async fn a_client_gets_a_token_of_its_own(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let client = client(&app).await;
    let id = client.id.to_string();
    assert!(client.secret.starts_with("secret-token:inwren_") && client.secret.len() == 63);
    let basic = app.post("/auth/access-token").basic(&id, &client.secret).form(&[GRANT, ("scope", "")]);
    let form = [GRANT, ("client_id", &id), ("client_secret", &client.secret)];
    for call in [basic, app.post("/auth/access-token").form(&form)] {
        let body = call.send().await.expect_status(200).json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(1800)));
        assert!(body.get("refresh_token").is_none());
        let (header, claims) = forge::open(body["access_token"].as_str().unwrap());
        assert_eq!(header["typ"], "at+jwt");
        let now = app.clock_seconds();
        assert_eq!(
            claims,
            json!({
                "iat": now, "exp": now + 1800, "iss": ISSUER, "aud": AUDIENCE, "sub": id, "client_id": id,
                "type": "access", "jti": claims["jti"],
            })
        );
    }
}

async fn a_clients_token_is_no_users(store: Arc<dyn Store>) {
    let (app, asked) = TestApp::counted(store);
    let client = client(&app).await;
    let token = token(&app, &client).await;
    let expect_refused_everywhere = async || {
        asked.take_calls();
        for operation in protected::operations(&app) {
            let reply = protected::attempt(&app, &operation).bearer(&token).send().await;
            assert_eq!(reply.status, 401, "{reply}");
            reply.expect_invalid_token();
        }
        app.try_refresh(&token).await.expect_invalid_token();
        let revoke = app.post("/auth/revoke").form(&[("token", &token)]).send().await;
        revoke.expect_oauth_error("unsupported_token_type");
        assert!(asked.take_calls().is_empty(), "the claims say that it is no user's");
    };
    expect_refused_everywhere().await;
    assert!(disable(&app, &client).await);
    expect_refused_everywhere().await;
}

async fn a_client_may_introspect(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (ann, client) = (app.user_fixture().await, client(&app).await);
    let id = client.id.to_string();
    let own = token(&app, &client).await;
    let ask = async |token: &str| {
        let call = app.post("/auth/introspect").basic(&id, &client.secret).form(&[("token", token)]);
        call.send().await.expect_status(200).json()
    };
    assert_eq!(ask(&ann.tokens.access).await["sub"], ann.id);
    assert_eq!(ask("rubbish").await, json!({ "active": false }));
    let (_, claims) = forge::open(&own);
    assert_eq!(
        ask(&own).await,
        json!({
            "active": true, "token_type": "bearer", "type": "access", "iss": ISSUER, "aud": AUDIENCE, "sub": id,
            "client_id": id, "jti": claims["jti"], "iat": claims["iat"], "exp": claims["exp"],
        })
    );
}

async fn a_wrong_client_gets_one_and_the_same_answer(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (one, other) = (client(&app).await, client(&app).await);
    let (id, nobody) = (one.id.to_string(), "0193a0b0-7c3e-7000-8000-000000000001".to_owned());
    let mut answers = Vec::new();
    for (id, secret) in [
        (&id, other.secret.as_str()),
        (&id, ""),
        (&id, "wrong"),
        (&nobody, &one.secret),
        (&"rubbish".to_owned(), &one.secret),
        (&one.name, &one.secret),
        (&String::new(), ""),
    ] {
        let reply = app.post("/auth/access-token").basic(id, secret).form(&[GRANT]).send().await;
        assert_eq!((reply.status, &reply.json()["error"]), (401, &json!("invalid_client")), "{reply}");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Basic "), "{reply}");
        answers.push(reply.text().to_owned());
        let ask = app.post("/auth/introspect").basic(id, secret).form(&[("token", "x")]).send().await;
        ask.expect_problem(401, "invalid-client");
        assert!(ask.header("www-authenticate").unwrap().starts_with("Basic "), "{ask}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for header in ["Basic", "Basic ", "Basic !!!", "Basic YWJj", "basic //8="] {
        let reply =
            app.post("/auth/access-token").header("authorization", header).form(&[GRANT]).send().await;
        assert_eq!(
            (reply.status, &reply.json()["error"]),
            (401, &json!("invalid_client")),
            "{header}: {reply}"
        );
    }
}

async fn a_client_proves_in_one_way_who_it_is(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (one, other) = (client(&app).await, client(&app).await);
    let (id, other) = (one.id.to_string(), other.id.to_string());
    let call = |form: &[(&str, &str)]| app.post("/auth/access-token").basic(&id, &one.secret).form(form);
    let both = call(&[GRANT, ("client_id", &id), ("client_secret", &one.secret)]).send().await;
    both.expect_oauth_error("invalid_request");
    call(&[GRANT, ("client_id", &id)]).send().await.expect_status(200).json();
    let reply = call(&[GRANT, ("client_id", &other)]).send().await;
    assert_eq!((reply.status, &reply.json()["error"]), (401, &json!("invalid_client")), "{reply}");
    let reply = app.post("/auth/access-token").form(&[GRANT, ("client_id", &id)]).send().await;
    assert_eq!((reply.status, &reply.json()["error"]), (401, &json!("invalid_client")), "{reply}");
}

/// Encodes like openid-client and oauth4webapi: everything except letters and digits.
fn form_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

async fn basic_credentials_are_form_decoded(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let client = client(&app).await;
    let id = client.id.to_string();
    let every_byte = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for (user, password) in [
        (form_encoded(&id), form_encoded(&client.secret)),
        (every_byte(&id), every_byte(&client.secret)),
        (id.clone(), every_byte(&client.secret)),
        (form_encoded(&id), client.secret.clone()),
    ] {
        assert_ne!((&user, &password), (&id, &client.secret));
        for fields in [vec![GRANT], vec![GRANT, ("client_id", id.as_str())]] {
            let call = app.post("/auth/access-token").basic(&user, &password).form(&fields);
            call.send().await.expect_status(200).json();
        }
        let call = app.post("/auth/introspect").basic(&user, &password).form(&[("token", "rubbish")]);
        assert_eq!(call.send().await.expect_status(200).json(), json!({ "active": false }));
    }
}

async fn malformed_basic_credentials_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let client = client(&app).await;
    let (id, secret) = (client.id.to_string(), client.secret.clone());
    for (user, password) in [
        (id.clone(), format!("{secret}%")),
        (id.clone(), format!("{secret}%4")),
        (id.clone(), format!("{secret}%zz")),
        (id.clone(), format!("{secret}%FF")),
        (id.clone(), format!("{secret}+")),
        (id.clone(), format!("+{secret}")),
        (id.clone(), format!("{secret}%00")),
        // The service decodes once, not twice.
        (id.clone(), form_encoded(&form_encoded(&format!("-{secret}")))),
        (format!("{id}%"), secret.clone()),
        (format!("%zz{id}"), secret.clone()),
        (format!("{id}+"), secret.clone()),
        (format!("{id}%FF"), secret.clone()),
    ] {
        let reply = app.post("/auth/access-token").basic(&user, &password).form(&[GRANT]).send().await;
        assert_eq!((reply.status, &reply.json()["error"]), (401, &json!("invalid_client")), "{reply}");
        assert_eq!(reply.header("www-authenticate"), Some(r#"Basic realm="inwren""#));
        let call = app.post("/auth/introspect").basic(&user, &password).form(&[("token", "rubbish")]);
        call.send().await.expect_problem(401, "invalid-client");
    }
}

async fn a_revoked_client_is_out_at_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let (one, other) = (client(&app).await, client(&app).await);
    let own = token(&app, &one).await;
    assert!(disable(&app, &one).await);
    let reply =
        app.post("/auth/access-token").basic(&one.id.to_string(), &one.secret).form(&[GRANT]).send().await;
    assert_eq!((reply.status, &reply.json()["error"]), (401, &json!("invalid_client")), "{reply}");
    let ask = |client: &Client| {
        app.post("/auth/introspect").basic(&client.id.to_string(), &client.secret).form(&[("token", &own)])
    };
    ask(&one).send().await.expect_problem(401, "invalid-client");
    assert_eq!(ask(&other).send().await.expect_status(200).json(), json!({ "active": false }));
    assert!(!disable(&app, &one).await);
}

async fn what_is_done_to_clients_is_written_down(store: Arc<dyn Store>) {
    let app = TestApp::over(store.clone());
    let one = client(&app).await;
    let settings = ClientSettings::of_service(ClientName::parse(&one.name).unwrap());
    let (admin, caller) = (Admin::operator(), ClientInfo::default());
    assert!(manage::create(&app.state.core, admin, None, settings, &caller).await.is_err());
    assert!(disable(&app, &one).await);
    let events = audit_events(&*store, &AuditFilter::default()).await.unwrap();
    let mut kinds: Vec<AuditEventKind> = events.iter().map(|event| event.kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    assert_eq!(kinds, [AuditEventKind::ServiceClientCreated, AuditEventKind::ServiceClientRevoked]);
    assert!(events.iter().all(|event| event.subject == one.uid.into() && event.actor_id == Some(OPERATOR)));
}
