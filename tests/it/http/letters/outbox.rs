//! The outbox, as superusers see it.

use std::sync::Arc;

use inwren_domain::account::EmailVerification::Required;
use inwren_domain::outbox::MailError;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, Reply, TestApp};
use inwren_tests::fakes::{code_in, token_in};
use serde_json::{Value, json};
use time::Duration;

use super::{app, forgot, register_pending};

stories! {
    letters_are_listed_without_their_secrets
    letters_are_filtered_by_state
    pages_of_letters_are_complete
    dead_letters_are_retried
    refused_address_counts_as_undeliverable
    outbox_parameters_are_checked
}

async fn list(app: &TestApp, boss: &Account, query: &str) -> Reply {
    app.get(&format!("/admin/outbox{query}")).bearer(&boss.tokens.access).send().await
}

async fn items(app: &TestApp, boss: &Account, query: &str) -> Vec<Value> {
    list(app, boss, query).await.expect_status(200).json()["items"].as_array().expect("items").clone()
}

async fn retry(app: &TestApp, boss: &Account, id: &str) -> Reply {
    app.post(&format!("/admin/outbox/{id}/retry")).bearer(&boss.tokens.access).send().await
}

async fn letters_are_listed_without_their_secrets(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    register_pending(&app, "ann@example.org", PASSWORD).await;
    let waiting = items(&app, &boss, "").await;
    assert_eq!(
        waiting,
        [json!({
            "id": waiting[0]["id"], "kind": "email_verification", "recipient": "ann@example.org",
            "state": "pending", "attempts": 0, "next_attempt_at": "2030-03-17T17:46:40.123457Z",
            "last_error": null, "created_at": "2030-03-17T17:46:40.123457Z",
        })]
    );
    let letters = app.letters_to("ann@example.org").await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let reply = list(&app, &boss, "").await.expect_status(200);
    for secret in [token_in(letter), code_in(letter)] {
        assert!(!reply.text().contains(secret.expect("a secret")), "{reply}");
    }
    let item = &reply.json()["items"][0];
    assert_eq!((&item["id"], &item["state"]), (&waiting[0]["id"], &json!("delivered")));
    assert_eq!((&item["attempts"], &item["next_attempt_at"]), (&json!(1), &Value::Null));
}

async fn letters_are_filtered_by_state(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    for (address, failure) in [
        ("delivered@example.org", None),
        ("dead@example.org", Some(MailError::Rejected("550 no such mailbox".to_owned()))),
        ("pending@example.org", Some(MailError::Temporary("connection refused".to_owned()))),
    ] {
        register_pending(&app, address, PASSWORD).await;
        failure.into_iter().for_each(|failure| app.mail.fail(failure));
        app.deliver_letters().await;
    }
    for (state, error, next) in [
        ("delivered", Value::Null, Value::Null),
        ("dead", json!("550 no such mailbox"), Value::Null),
        ("pending", json!("connection refused"), json!("2030-03-17T17:47:10.123457Z")),
    ] {
        let found = items(&app, &boss, &format!("?state={state}")).await;
        let [item] = &found[..] else { panic!("{state}: {found:?}") };
        assert_eq!(item["recipient"], format!("{state}@example.org"));
        assert_eq!((&item["state"], &item["last_error"]), (&json!(state), &error));
        assert_eq!(item["next_attempt_at"], next, "{state}");
    }
    assert!(items(&app, &boss, "?state=sending").await.is_empty());
    assert_eq!(items(&app, &boss, "").await.len(), 3);
}

async fn pages_of_letters_are_complete(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    for n in 0..7 {
        forgot(&app, &format!("user-{n}@example.org")).await;
        // Letters of one moment are ordered by their ids.
        app.clock.advance(if n % 2 == 0 { Duration::SECOND } else { Duration::ZERO });
    }
    let all = items(&app, &boss, "").await;
    let (mut paged, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let reply = list(&app, &boss, &query).await.expect_status(200);
        let page = reply.json();
        paged.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            assert!(reply.header("link").is_none());
            break;
        };
        assert!(reply.header("link").unwrap().contains("rel=\"next\""), "{reply}");
        query = format!("?limit=3&cursor={next}");
    }
    assert_eq!(paged, all);
    assert_eq!(all.len(), 7);
}

async fn dead_letters_are_retried(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    register_pending(&app, "ann@example.org", PASSWORD).await;
    let id = items(&app, &boss, "").await[0]["id"].as_str().unwrap().to_owned();
    retry(&app, &boss, &id).await.expect_problem(404, "not-found");
    app.mail.fail(MailError::Rejected("550 no such mailbox".to_owned()));
    assert!(app.letters_to("ann@example.org").await.is_empty());
    app.clock.advance(Duration::minutes(20));
    assert!(app.letters_to("ann@example.org").await.is_empty(), "a dead letter is not sent by itself");
    let reply = retry(&app, &boss, &id).await;
    assert_eq!((reply.status, reply.text()), (202, ""), "{reply}");
    let revived = items(&app, &boss, "?state=pending").await;
    assert_eq!((&revived[0]["id"], &revived[0]["attempts"]), (&json!(id), &json!(0)));
    let letters = app.letters_to("ann@example.org").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].id, id);
    retry(&app, &boss, &id).await.expect_problem(404, "not-found");
    retry(&app, &boss, "00000000-0000-7000-8000-000000000000").await.expect_problem(404, "not-found");
}

async fn refused_address_counts_as_undeliverable(store: Arc<dyn Store>) {
    let app = TestApp::with_mail(store, |_| ());
    let (boss, ann) = (app.superuser().await, app.user_fixture().await);
    let is_undeliverable = async || {
        let user = app.get(&format!("/admin/users/{}", ann.id)).bearer(&boss.tokens.access).send().await;
        user.expect_status(200).json()["email_undeliverable"].clone()
    };
    assert_eq!(is_undeliverable().await, false);
    forgot(&app, &ann.email).await;
    app.mail.fail(MailError::Rejected("550 no such mailbox".to_owned()));
    app.deliver_letters().await;
    assert_eq!(is_undeliverable().await, true);
    forgot(&app, &ann.email).await;
    app.deliver_letters().await;
    assert_eq!(is_undeliverable().await, false);
}

async fn outbox_parameters_are_checked(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    for (query, pointer) in [
        ("?state=lost", "/query/state"),
        ("?state=Dead", "/query/state"),
        ("?limit=0", "/query/limit"),
        ("?limit=201", "/query/limit"),
        ("?cursor=x", "/query/cursor"),
    ] {
        let reply = list(&app, &boss, query).await;
        let body = reply.expect_problem(422, "validation-failed");
        assert!(body.to_string().contains(pointer.rsplit('/').next().unwrap()), "{reply}");
    }
    retry(&app, &boss, "x").await.expect_problem(422, "validation-failed");
}
