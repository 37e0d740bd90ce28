//! The outbox, as superusers see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use inwren_domain::account::EmailVerification::Required;
use inwren_domain::kernel::Clock as _;
use inwren_domain::outbox::{LetterState, MailError};
use inwren_domain::store::Store;
use inwren_tests::app::{Account, PASSWORD, Reply, TestApp};
use inwren_tests::fakes::{code_in, token_in};
use serde_json::{Value, json};
use time::Duration;

use super::{app, forgot, outbox, register_pending};

stories! {
    letters_are_listed_without_their_secrets
    letters_are_filtered_by_state
    pages_of_letters_are_complete
    letters_are_retried_for_a_day_or_until_they_expire
    letters_wait_for_a_missing_secret_key
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

async fn letters_are_retried_for_a_day_or_until_they_expire(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    register_pending(&app, "ann@example.org", PASSWORD).await;
    forgot(&app, &boss.email).await;
    // After how many seconds the attempts were made, by kind.
    let mut attempts: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut counts: BTreeMap<&str, i16> = BTreeMap::new();
    let begun = app.clock.now();
    loop {
        for _ in 0..counts.len().max(2) {
            app.mail.fail(MailError::Temporary("451 try later".to_owned()));
        }
        app.deliver_letters().await;
        app.mail.recover();
        let letters = outbox(&app).await;
        for letter in &letters {
            let kind = letter.kind.as_str();
            if counts.insert(kind, letter.attempts) != Some(letter.attempts) {
                attempts.entry(kind).or_default().push((app.clock.now() - begun).whole_seconds());
            }
        }
        let waiting = letters.iter().filter(|letter| letter.state.is_waiting());
        let Some(due) = waiting.map(|letter| letter.next_attempt_at).min() else { break };
        app.clock.set(due - Duration::MICROSECOND);
        app.deliver_letters().await;
        app.clock.set(due);
    }
    // After 30 s, 2, 10 and 30 minutes, then hourly, for 24 hours.
    let mut expected = vec![0, 30, 150, 750];
    expected.extend((0..24).map(|hour| 2_550 + 3_600 * hour));
    assert_eq!(attempts["email_verification"], expected);
    // The link of a reset expires after half an hour.
    assert_eq!(attempts["password_reset"], [0, 30, 150, 750]);
    for letter in outbox(&app).await {
        assert_eq!((letter.state, letter.last_error.as_deref()), (LetterState::Dead, Some("451 try later")));
    }
    assert!(app.mail.sent().is_empty());
}

/// An instance that lacks a secret key leaves the letter as it is, and waits as after any failed attempt.
async fn letters_wait_for_a_missing_secret_key(store: Arc<dyn Store>) {
    let app = app(store, Required);
    let boss = app.superuser().await;
    app.keyring.change_key();
    register_pending(&app, "ann@example.org", PASSWORD).await;
    app.keyring.forget_key();
    assert!(app.letters_to("ann@example.org").await.is_empty());
    let item = items(&app, &boss, "?state=pending").await.remove(0);
    assert_eq!(item["attempts"], 1);
    assert!(item["last_error"].as_str().unwrap().contains("SECRET_KEY_PATH"), "{item}");
    app.keyring.change_key();
    app.clock.advance(Duration::seconds(29));
    assert!(app.letters_to("ann@example.org").await.is_empty());
    app.clock.advance(Duration::SECOND);
    assert_eq!(app.letters_to("ann@example.org").await.len(), 1);
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
