//! Letters: verification, recovery, changes of address, invitations, and the outbox.

mod email_change;
mod invitations;
mod limits;
mod outbox;
mod recovery;
mod same_responses;
mod verification;

use std::sync::Arc;

use inwren_domain::account::EmailVerification;
use inwren_domain::kernel::PageRequest;
use inwren_domain::outbox::{Letter, Message};
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp};
use inwren_tests::fakes::{code_in, kind_in, token_in};
use serde_json::{Value, json};

/// A password that a test sets by a link.
const CHOSEN: &str = "even more secure 456";

/// The service with mail.
fn app(store: Arc<dyn Store>, verification: EmailVerification) -> TestApp {
    TestApp::with_mail(store, |config| config.rules.email_verification = verification)
}

/// Sends all letters, and returns the newest one of this kind to the address.
async fn letter(app: &TestApp, address: &str, kind: &str) -> Message {
    let letters = app.letters_to(address).await;
    let found = letters.iter().rev().find(|letter| kind_in(letter) == kind).cloned();
    found.unwrap_or_else(|| panic!("no {kind} to {address}: {letters:?}"))
}

/// Sends all letters, and returns the token in the newest one of this kind to the address.
async fn link(app: &TestApp, address: &str, kind: &str) -> String {
    token_in(&letter(app, address, kind).await).expect("a link").to_owned()
}

/// Sends all letters, and returns the code in the newest verification letter to the address.
async fn code(app: &TestApp, address: &str) -> String {
    code_in(&letter(app, address, "email_verification").await).expect("a code").to_owned()
}

/// All letters in the outbox, newest first.
async fn outbox(app: &TestApp) -> Vec<Letter> {
    let mut view = app.state.core.store.read().await.expect("a view");
    view.outbox().page(None, PageRequest::new(200, None)).await.expect("a page").items
}

/// Registers under [`EmailVerification::Required`], and returns the id of the pending registration.
async fn register_pending(app: &TestApp, address: &str, password: &str) -> String {
    let body = json!({ "email": address, "password": password });
    let reply = app.post("/auth/register").json(&body).send().await.expect_status(202).json();
    assert_eq!(reply["expires_in"], 600);
    reply["verification_id"].as_str().expect("an id").to_owned()
}

async fn verify(app: &TestApp, body: Value) -> Reply {
    app.post("/auth/verify-email").json(&body).send().await
}

async fn forgot(app: &TestApp, address: &str) {
    let reply = app.post("/auth/password/forgot").json(&json!({ "email": address })).send().await;
    assert_eq!((reply.status, reply.text()), (202, ""), "{reply}");
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Reply {
    let body = json!({ "token": token, "new_password": password });
    app.post("/auth/password/reset").json(&body).send().await
}

async fn use_link(app: &TestApp, path: &str, token: &str) -> Reply {
    app.post(path).json(&json!({ "token": token })).send().await
}

/// Checks that the password logs in, and returns whether the profile says that the address is verified.
async fn logs_in(app: &TestApp, address: &str, password: &str) -> bool {
    let tokens = app.try_login(address, password).await.expect_status(200).tokens();
    let user = app.me(&tokens.access).await.expect_status(200).json();
    user["email_verified"].as_bool().expect("a boolean")
}

/// Checks that neither password logs in.
async fn refuses_login(app: &TestApp, address: &str) {
    for password in [PASSWORD, CHOSEN] {
        app.try_login(address, password).await.expect_problem(401, "invalid-credentials");
    }
}

fn expect_invalid_link(reply: &Reply) {
    reply.expect_problem(400, "invalid-action-token");
}

/// The token with another last byte.
fn forged(token: &str) -> String {
    let flip = |c: char| if c == 'A' { 'B' } else { 'A' };
    let (kept, last) = token.split_at(token.len() - 10);
    let mut last: Vec<char> = last.chars().collect();
    last[0] = flip(last[0]);
    kept.chars().chain(last).collect()
}
