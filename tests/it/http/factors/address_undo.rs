//! The undo of a changed address removes the factors of the person who changed it, and no others.

use std::sync::Arc;

use inwren_domain::account::EmailVerification;
use inwren_domain::store::Store;
use inwren_tests::app::{Account, ISSUER, PASSWORD, Reply, TestApp, Tokens};
use inwren_tests::authenticator::Authenticator;
use inwren_tests::fakes::{kind_in, token_in};
use inwren_tests::fixtures::fresh_email;
use serde_json::{Value, json};
use time::Duration;

use super::{
    CHOSEN, STEP, answer, any_passkey, enrol_passkey, enrol_totp, expect_ended, factors, log_in, member,
    passkey_login, relying_party, replace_recovery_codes,
};

stories! {
    undo_removes_the_factors_of_a_thief
    undo_keeps_the_factors_from_before
    undo_alone_removes_no_factor
}

/// When addresses change: at once, or when the link to the new one was used.
const MODES: [EmailVerification; 2] = [EmailVerification::Off, EmailVerification::Optional];

fn app(store: Arc<dyn Store>, verification: EmailVerification) -> TestApp {
    TestApp::with_mail(store, |config| {
        config.rules.email_verification = verification;
        config.rules.factors.relying_party = Some(relying_party());
    })
}

/// The token in the newest letter of this kind to the address.
async fn link(app: &TestApp, address: &str, kind: &str) -> String {
    let letters = app.letters_to(address).await;
    let newest = letters.iter().rev().find(|letter| kind_in(letter) == kind).expect("a letter");
    token_in(newest).expect("a link").to_owned()
}

async fn use_link(app: &TestApp, path: &str, token: &str) {
    app.post(path).json(&json!({ "token": token })).send().await.expect_done();
}

/// Moves the account to another address by this session, and returns the token of the link that undoes it.
/// The clock advances by a second.
async fn move_away(app: &TestApp, tokens: &Tokens, from: &str) -> String {
    let to = fresh_email().as_str().to_owned();
    let call = app.put("/users/me").bearer(&tokens.access).json(&json!({ "email": to }));
    if call.send().await.status == 202 {
        use_link(app, "/auth/email/confirm", &link(app, &to, "email_change").await).await;
    }
    assert_eq!(app.me(&tokens.access).await.expect_status(200).json()["email"], to);
    app.clock.advance(Duration::SECOND);
    link(app, from, "email_undo").await
}

async fn undo(app: &TestApp, token: &str) {
    use_link(app, "/auth/email/undo", token).await;
}

/// Sets a new password by the link that the undo has sent.
async fn reset(app: &TestApp, token: &str, factor: Option<Value>) -> Reply {
    let mut body = json!({ "token": token, "new_password": CHOSEN });
    if let Some(factor) = factor {
        body["factor"] = factor;
    }
    app.post("/auth/password/reset").json(&body).send().await
}

async fn expect_passkey_refused(app: &TestApp, device: &mut Authenticator) {
    let options = any_passkey(app).await;
    let reply = passkey_login(app, &device.get(&options, ISSUER)).await;
    reply.expect_problem(401, "invalid-credentials");
}

/// A thief with a fresh session takes the account, and locks its owner out by a factor.
async fn undo_removes_the_factors_of_a_thief(store: Arc<dyn Store>) {
    for verification in MODES {
        let app = app(store.clone(), verification);
        for kind in ["totp", "passkey"] {
            let ann = app.user_fixture().await;
            let link_of_undo = move_away(&app, &ann.tokens, &ann.email).await;
            let mut device = Authenticator::new();
            if kind == "totp" {
                enrol_totp(&app, ann.clone()).await;
            } else {
                enrol_passkey(&app, &ann.tokens, &mut device).await;
            }
            undo(&app, &link_of_undo).await;
            expect_ended(&app, &ann.tokens).await;
            if kind == "passkey" {
                expect_passkey_refused(&app, &mut device).await;
            }
            let token = link(&app, &ann.email, "password_reset").await;
            reset(&app, &token, None).await.expect_done();
            let tokens = app.try_login(&ann.email, CHOSEN).await.expect_status(200).tokens();
            assert_eq!(factors(&app, &tokens).await, json!({ "items": [], "recovery_codes_left": 0 }));
            // The factor that the owner enrols now is the first one.
            let owner = enrol_totp(&app, Account { tokens, ..ann }).await;
            assert_eq!(owner.recovery_codes.len(), 10);
        }
    }
}

/// The owner has an app. The thief who steals a session that has shown it adds a passkey.
async fn undo_keeps_the_factors_from_before(store: Arc<dyn Store>) {
    for verification in MODES {
        let app = app(store.clone(), verification);
        let ann = member(&app).await;
        let stolen = log_in(&app, &ann).await;
        let link_of_undo = move_away(&app, &stolen, ann.email()).await;
        let mut device = Authenticator::new();
        enrol_passkey(&app, &stolen, &mut device).await;
        undo(&app, &link_of_undo).await;
        expect_ended(&app, &stolen).await;
        expect_passkey_refused(&app, &mut device).await;
        let token = link(&app, ann.email(), "password_reset").await;
        let asked = reset(&app, &token, None).await.expect_problem(401, "second-factor-required");
        assert_eq!(asked["methods"], json!(["totp", "recovery_code"]));
        let code = json!({ "method": "totp", "code": ann.code(&app, 1) });
        reset(&app, &token, Some(code)).await.expect_done();
        app.clock.advance(STEP * 2);
        let asked = app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
        let reply = answer(&app, &asked, "totp", &ann.code(&app, 0)).await;
        let tokens = reply.expect_status(200).tokens();
        let items = factors(&app, &tokens).await["items"].clone();
        assert_eq!(items.as_array().map(Vec::len), Some(1));
        assert_eq!(items[0]["id"], ann.factor.as_str());
        // Without the passkey, the app permits changes of the factors again.
        replace_recovery_codes(&app, &tokens).await.expect_status(200).json();
    }
}

/// Who reads the mailbox, and moved nothing, gets past no factor by the undo.
async fn undo_alone_removes_no_factor(store: Arc<dyn Store>) {
    for verification in MODES {
        let app = app(store.clone(), verification);
        let ann = member(&app).await;
        let tokens = log_in(&app, &ann).await;
        let link_of_undo = move_away(&app, &tokens, ann.email()).await;
        undo(&app, &link_of_undo).await;
        app.try_login(ann.email(), PASSWORD).await.expect_problem(401, "invalid-credentials");
        let token = link(&app, ann.email(), "password_reset").await;
        reset(&app, &token, None).await.expect_problem(401, "second-factor-required");
        let code = json!({ "method": "recovery_code", "code": ann.recovery_codes[0] });
        reset(&app, &token, Some(code)).await.expect_done();
        app.try_login(ann.email(), CHOSEN).await.expect_problem(401, "second-factor-required");
    }
}
