//! Concurrent requests: limits hold, nothing is used twice, and no change is overtaken.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inwren_domain::factor::FactorPolicy;
use inwren_domain::kernel::{Clock as _, StoreError};
use inwren_domain::store::{HookedStore, Store, StoreHook};
use inwren_tests::app::{Account, ISSUER, PASSWORD, Reply, TestApp};
use inwren_tests::authenticator::{Authenticator, totp_code};
use inwren_tests::fakes::{kind_in, token_in};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{
    CHOSEN, Member, STEP, any_passkey, app, begin_totp, configured, confirm_totp, enrol_totp, factors,
    first_step, log_in, member, passkey_user, remove, second_step, text,
};

stories! {
    of_a_thousand_answers_with_one_code_one_succeeds
    parallel_guesses_at_a_challenge_are_counted
    parallel_guesses_at_many_challenges_are_counted
    recovery_code_is_used_once
    passkey_answer_is_used_once
    one_of_many_confirmations_succeeds
    one_of_many_resets_succeeds
    one_factor_stays_where_one_is_required
    enrolment_overtakes_a_login
}

/// Sends the bodies concurrently, and returns the responses.
async fn send_all(app: &Arc<TestApp>, path: &'static str, bodies: Vec<Value>) -> Vec<Reply> {
    let mut calls = JoinSet::new();
    for body in bodies {
        let app = app.clone();
        calls.spawn(async move { app.post(path).json(&body).send().await });
    }
    calls.join_all().await
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

async fn challenges(app: &TestApp, member: &Member, number: usize) -> Vec<Value> {
    let mut all = Vec::new();
    for _ in 0..number {
        all.push(first_step(app, member.email()).await["challenge"].clone());
    }
    all
}

fn by_code(challenge: &Value, method: &str, code: &str) -> Value {
    json!({ "challenge": challenge, "method": method, "code": code })
}

const SECOND_STEP: &str = "/auth/login/factor";

async fn of_a_thousand_answers_with_one_code_one_succeeds(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let ann = member(&app).await;
    app.clock.advance(STEP);
    let challenges = challenges(&app, &ann, 100).await;
    let code = ann.code(&app, 0);
    let bodies = (0..1_000).map(|n| by_code(&challenges[n % 100], "totp", &code)).collect();
    let replies = send_all(&app, SECOND_STEP, bodies).await;
    assert_eq!(count(&replies, 200), 1);
    // A store that cannot take so many at once may say so.
    for reply in &replies {
        assert!([200, 401, 410, 503].contains(&reply.status), "{reply}");
    }
    let fresh = first_step(&app, ann.email()).await;
    let recovery = by_code(&fresh["challenge"], "recovery_code", &ann.recovery_codes[0]);
    second_step(&app, &recovery).await.expect_status(200).tokens();
    log_in(&app, &ann).await;
}

async fn parallel_guesses_at_a_challenge_are_counted(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let ann = member(&app).await;
    let challenge = challenges(&app, &ann, 1).await.remove(0);
    let wrong = ann.wrong_code(&app);
    let replies = send_all(&app, SECOND_STEP, vec![by_code(&challenge, "totp", &wrong); 100]).await;
    let mut left: Vec<u64> = replies
        .iter()
        .filter(|reply| reply.status == 401)
        .map(|reply| reply.expect_problem(401, "invalid-factor")["attempts_left"].as_u64().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    assert_eq!(count(&replies, 410), 95);
    log_in(&app, &ann).await;
}

async fn parallel_guesses_at_many_challenges_are_counted(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let ann = member(&app).await;
    let challenges = challenges(&app, &ann, 10).await;
    let wrong = ann.wrong_code(&app);
    let bodies = (0..100).map(|n| by_code(&challenges[n % 10], "totp", &wrong)).collect();
    let replies = send_all(&app, SECOND_STEP, bodies).await;
    let refused: Vec<Value> = replies
        .iter()
        .filter(|reply| reply.status == 401)
        .map(|reply| reply.json()["detail"].clone())
        .collect();
    let (closed, verified): (Vec<_>, Vec<_>) =
        refused.iter().partition(|detail| detail.as_str().unwrap().contains("24 hours"));
    assert_eq!((verified.len(), closed.len(), count(&replies, 410)), (20, 30, 50));
    assert_eq!(super::methods(&app, ann.email()).await, ["recovery_code"]);
    assert_eq!(super::letters(&app, ann.email(), "factor_closed").await, 1);
}

async fn recovery_code_is_used_once(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let ann = member(&app).await;
    let challenges = challenges(&app, &ann, 20).await;
    let code = &ann.recovery_codes[0];
    let bodies = challenges.iter().map(|challenge| by_code(challenge, "recovery_code", code)).collect();
    let replies = send_all(&app, SECOND_STEP, bodies).await;
    assert_eq!((count(&replies, 200), count(&replies, 401)), (1, 19));
    let tokens = replies.iter().find(|reply| reply.status == 200).expect("a winner").tokens();
    assert_eq!(factors(&app, &tokens).await["recovery_codes_left"], 9);
}

async fn passkey_answer_is_used_once(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let mut device = Authenticator::new();
    let ann = passkey_user(&app, &mut device).await;
    let options = any_passkey(&app).await;
    let body = json!({ "credential": device.get(&options, ISSUER) });
    let replies = send_all(&app, "/auth/passkey/login", vec![body; 50]).await;
    assert_eq!((count(&replies, 200), count(&replies, 410)), (1, 49));
    let asked = first_step(&app, &ann.email).await;
    let credential = device.get(&asked, ISSUER);
    let body = json!({ "challenge": asked["challenge"], "method": "passkey", "credential": credential });
    let replies = send_all(&app, SECOND_STEP, vec![body; 50]).await;
    assert_eq!(count(&replies, 200), 1);
}

async fn one_of_many_confirmations_succeeds(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let ann = app.user_fixture().await;
    let new = begin_totp(&app, &ann.tokens).await.expect_status(201).json();
    let code = totp_code(&text(&new["secret"]), app.clock.now());
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (app, tokens, id, code) = (app.clone(), ann.tokens.clone(), text(&new["id"]), code.clone());
        calls.spawn(async move { confirm_totp(&app, &tokens, &id, &code).await });
    }
    let replies = calls.join_all().await;
    assert_eq!(count(&replies, 201), 1);
    for reply in &replies {
        // Later ones find it confirmed, or need a stronger session by then.
        assert!([201, 401, 404].contains(&reply.status), "{reply}");
    }
    let listed = factors(&app, &ann.tokens).await;
    assert_eq!(
        (listed["items"].as_array().map(Vec::len), &listed["recovery_codes_left"]),
        (Some(1), &json!(10))
    );
    first_step(&app, &ann.email).await;
}

async fn one_of_many_resets_succeeds(store: Arc<dyn Store>) {
    let app = Arc::new(app(store));
    let ann = member(&app).await;
    app.post("/auth/password/forgot")
        .json(&json!({ "email": ann.email() }))
        .send()
        .await
        .expect_status(202)
        .text();
    let letters = app.letters_to(ann.email()).await;
    let letter = letters.iter().find(|letter| kind_in(letter) == "password_reset").expect("a letter");
    let factor = json!({ "method": "totp", "code": ann.code(&app, 1) });
    let body =
        json!({ "token": token_in(letter).expect("a link"), "new_password": CHOSEN, "factor": factor });
    let replies = send_all(&app, "/auth/password/reset", vec![body; 15]).await;
    assert_eq!(count(&replies, 204), 1);
    app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
}

async fn one_factor_stays_where_one_is_required(store: Arc<dyn Store>) {
    let app = configured(store, |factors| factors.required_for = FactorPolicy::All);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let other = enrol_totp(&app, Account { tokens: tokens.clone(), ..ann.account.clone() }).await;
    let (one, two) = tokio::join!(remove(&app, &tokens, &ann.factor), remove(&app, &tokens, &other.factor));
    assert_eq!([&one, &two].into_iter().filter(|reply| reply.status == 204).count(), 1, "{one} {two}");
    assert_eq!(factors(&app, &tokens).await["items"].as_array().map(Vec::len), Some(1));
}

/// Holds the next start of a session until the test lets it go.
#[derive(Clone, Default)]
struct Gate(Arc<Held>);

#[derive(Default)]
struct Held {
    is_closed: AtomicBool,
    reached: Notify,
    opened: Notify,
}

impl StoreHook for Gate {
    async fn around<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if name == "store.open_session" && self.0.is_closed.swap(false, Ordering::SeqCst) {
            self.0.reached.notify_one();
            self.0.opened.notified().await;
        }
        call.await
    }
}

/// A login whose password is already verified starts no session after an enrolment.
async fn enrolment_overtakes_a_login(store: Arc<dyn Store>) {
    let gate = Gate::default();
    let app = app(Arc::new(HookedStore::new(store, gate.clone())));
    let ann = app.user_fixture().await;
    let email = ann.email.clone();
    gate.0.is_closed.store(true, Ordering::SeqCst);
    let (login, ann) = tokio::join!(app.try_login(&email, PASSWORD), async {
        gate.0.reached.notified().await;
        let ann = enrol_totp(&app, ann).await;
        gate.0.opened.notify_one();
        ann
    });
    login.expect_problem(401, "invalid-credentials");
    let sessions = app.get("/users/me/sessions").bearer(&ann.account.tokens.access).send().await.json();
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1), "{sessions}");
    log_in(&app, &ann).await;
}
