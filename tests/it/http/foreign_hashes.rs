//! Imported users log in with the passwords that they had in the import source.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::store::Store;
use inwren_tests::app::TestApp;
use inwren_tests::fixtures::user_fixture;
use inwren_tests::foreign_hashes;
use serde_json::{Value, json};

stories! {
    a_user_logs_in_with_the_old_password_and_the_hash_becomes_ours
    a_deactivated_user_keeps_the_old_hash
    a_slip_that_bcrypt_cannot_see_does_not_become_the_password
    the_old_password_can_be_changed
    a_hash_that_cannot_be_checked_is_answered_as_a_wrong_password
}

async fn moved_in(app: &TestApp, hash: PasswordHash, is_active: bool) -> Account {
    let account = Account { user: User { is_active, ..user_fixture() }, password: Some(hash) };
    let mut unit = app.state.core.store.begin().await.unwrap();
    unit.users().insert(&account).await.unwrap();
    unit.commit().await.unwrap();
    account
}

async fn stored(app: &TestApp, account: &Account) -> Account {
    let mut view = app.state.core.store.read().await.unwrap();
    view.credentials().by_id(account.user.id).await.unwrap().expect("the account")
}

async fn a_user_logs_in_with_the_old_password_and_the_hash_becomes_ours(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for foreign in foreign_hashes::all() {
        let account = moved_in(&app, foreign.hash(), true).await;
        let email = account.user.email.as_str();
        app.try_login(email, "another password").await.expect_problem(401, "invalid-credentials");
        assert_eq!(stored(&app, &account).await, account, "{foreign:?}");

        let tokens = app.try_login(email, &foreign.password).await.expect_status(200).tokens();
        app.me(&tokens.access).await.expect_status(200).json();
        let renewed = stored(&app, &account).await;
        if foreign.is_cut_off() {
            assert_eq!(renewed, account, "{foreign:?}");
            continue;
        }
        let hash = renewed.password.as_ref().unwrap().expose();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{foreign:?}");
        assert_eq!(renewed.user, account.user);

        app.try_login(email, &foreign.password).await.expect_status(200).tokens();
        app.try_login(email, "another password").await.expect_problem(401, "invalid-credentials");
        assert_eq!(stored(&app, &account).await, renewed, "{foreign:?}");
    }
}

async fn a_deactivated_user_keeps_the_old_hash(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let foreign = foreign_hashes::all().into_iter().find(foreign_hashes::LegacyHash::is_bcrypt).unwrap();
    let account = moved_in(&app, foreign.hash(), false).await;
    for password in [foreign.password.as_str(), "another password"] {
        app.try_login(account.user.email.as_str(), password).await.expect_problem(401, "invalid-credentials");
    }
    assert_eq!(stored(&app, &account).await, account);
}

async fn a_slip_that_bcrypt_cannot_see_does_not_become_the_password(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let foreign = foreign_hashes::all().into_iter().find(foreign_hashes::LegacyHash::is_cut_off).unwrap();
    let account = moved_in(&app, foreign.hash(), true).await;
    let email = account.user.email.as_str();
    let slip = format!("{}x", foreign.password);
    app.try_login(email, &slip).await.expect_status(200).tokens();
    assert_eq!(stored(&app, &account).await, account);
    app.try_login(email, &foreign.password).await.expect_status(200).tokens();
}

async fn the_old_password_can_be_changed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let foreign = foreign_hashes::all().into_iter().find(foreign_hashes::LegacyHash::is_bcrypt).unwrap();
    let account = moved_in(&app, foreign.hash(), true).await;
    let email = account.user.email.as_str();
    let tokens = app.try_login(email, &foreign.password).await.expect_status(200).tokens();
    let body = json!({ "current_password": foreign.password, "new_password": "a new pass phrase" });
    let changed = app.post("/users/me/password").bearer(&tokens.access).json(&body).send().await;
    changed.expect_status(200).tokens();
    app.try_login(email, &foreign.password).await.expect_problem(401, "invalid-credentials");
    app.try_login(email, "a new pass phrase").await.expect_status(200).tokens();
}

async fn a_hash_that_cannot_be_checked_is_answered_as_a_wrong_password(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let without_id = |mut problem: Value| {
        problem["request_id"] = Value::Null;
        problem
    };
    let nobody = app.try_login("nobody@example.org", "a password").await;
    let nobody = without_id(nobody.expect_problem(401, "invalid-credentials"));
    for text in [
        "",
        "!",
        "$2b$31$eg90EB5lVthCn3vWpPZs9OklZQEoK15Q5vF.6SEUtc7PRQbczB4HW",
        "$pbkdf2-sha256$4000000000$C6E0hnCuFQIAYGwNYQyB0A$cINZF3jv9M0OWGvhwF5hEfrafVvluwpwuFPUCZ0iU3E",
        "$argon2id$v=19$m=4294967295,t=3,p=4$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2id$v=19$m=4194304,t=64,p=1$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ] {
        for is_active in [true, false] {
            let account = moved_in(&app, PasswordHash::from_phc(text.to_owned()), is_active).await;
            let refused = app.try_login(account.user.email.as_str(), "a password").await;
            assert_eq!(without_id(refused.expect_problem(401, "invalid-credentials")), nobody, "{text}");
            assert_eq!(stored(&app, &account).await, account, "{text}");
        }
    }
}
