//! The store fails while the service runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::account::{Inserted, Registration};
use inwren_domain::kernel::StoreError;
use inwren_domain::session::{Rotation, RotationOutcome, SessionStart, SessionStartOutcome};
use inwren_domain::store::{ReadView, Store, UnitOfWork};
use inwren_tests::app::{Account, Call, PASSWORD, TestApp};
use inwren_tests::fakes::{Script, faulty_store};
use inwren_tests::fixtures::fresh_email;
use serde_json::json;

stories! {
    whatever_call_fails_the_answer_is_503
    busy_store_is_reported_as_overloaded
    what_cannot_be_is_the_services_fault
    a_failed_refresh_uses_nothing_up
    a_panic_is_one_answer_and_no_more
}

/// The cause of a failure, which a response must never reveal.
const CAUSE: &str = "connection to postgres://user:hunter2@db refused";

/// A valid request for every operation that uses the store.
fn all<'a>(app: &'a TestApp, admin: &Account, user: &Account) -> Vec<Call<'a>> {
    let (email, token, id) = (&user.email, &user.tokens.access, &user.id);
    let user_path = format!("/admin/users/{id}");
    let credentials = json!({ "email": email, "password": PASSWORD });
    let register = json!({ "email": fresh_email().as_str(), "password": PASSWORD });
    let change = json!({ "current_password": PASSWORD, "new_password": "another one 123" });
    let sid = inwren_tests::app::forge::open(token).1["sid"].as_str().expect("a session").to_owned();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", user.tokens.refresh.as_str())];
    vec![
        app.post("/auth/register").json(&register),
        app.post("/auth/login").json(&credentials),
        app.post("/auth/access-token").form(&[("username", email), ("password", PASSWORD)]),
        app.post("/auth/access-token").form(&refresh),
        app.post("/auth/refresh").json(&json!({ "refresh_token": user.tokens.refresh })),
        app.post("/auth/logout").bearer(token),
        app.get("/users/me").bearer(token),
        app.put("/users/me").bearer(token).json(&json!({ "email": fresh_email().as_str() })),
        app.post("/users/me/password").bearer(token).json(&change),
        app.delete("/users/me").bearer(token),
        app.get("/users/me/sessions").bearer(token),
        app.delete(&format!("/users/me/sessions/{sid}")).bearer(token),
        app.delete("/users/me/sessions").bearer(token),
        app.get("/admin/users").bearer(&admin.tokens.access),
        app.get(&user_path).bearer(&admin.tokens.access),
        app.put(&user_path).bearer(&admin.tokens.access).json(&json!({ "is_active": false })),
        app.get(&format!("{user_path}/sessions")).bearer(&admin.tokens.access),
        app.delete(&format!("{user_path}/sessions")).bearer(&admin.tokens.access),
        app.delete(&user_path).bearer(&admin.tokens.access),
    ]
}

async fn faulty_app(store: Arc<dyn Store>) -> (TestApp, Arc<Script>, Account) {
    let (faulty, script) = faulty_store(store);
    let app = TestApp::over(faulty);
    // A second superuser, so that no operation affects the last one.
    app.superuser().await;
    let admin = app.superuser().await;
    (app, script, admin)
}

async fn whatever_call_fails_the_answer_is_503(store: Arc<dyn Store>) {
    let (app, script, admin) = faulty_app(store).await;
    let count = all(&app, &admin, &admin).len();
    for operation in 0..count {
        for call in 1.. {
            let user = app.user_fixture().await;
            script.take_calls();
            script.fail_nth(call, StoreError::Unavailable(CAUSE.to_owned()));
            let reply = all(&app, &admin, &user).swap_remove(operation).send().await;
            if script.clear_faults() > 0 {
                assert!(call > 1, "{reply} without asking the store");
                assert!(reply.status < 300, "{reply}");
                break;
            }
            let body = reply.expect_problem(503, "unavailable");
            assert_eq!(body["retryable"], true);
            assert!(!reply.text().contains("hunter2") && !format!("{:?}", reply.headers).contains("hunter2"));
        }
    }
}

async fn busy_store_is_reported_as_overloaded(store: Arc<dyn Store>) {
    let (app, script, admin) = faulty_app(store).await;
    for operation in 0..all(&app, &admin, &admin).len() {
        let user = app.user_fixture().await;
        script.fail_nth(1, StoreError::Busy(CAUSE.to_owned()));
        let reply = all(&app, &admin, &user).swap_remove(operation).send().await;
        assert_eq!(reply.expect_problem(503, "overloaded")["retryable"], true);
        assert!(!reply.text().contains("hunter2"));
    }
}

async fn what_cannot_be_is_the_services_fault(store: Arc<dyn Store>) {
    let (app, script, admin) = faulty_app(store).await;
    for operation in 0..all(&app, &admin, &admin).len() {
        let user = app.user_fixture().await;
        let error = StoreError::Inconsistent { table: "users", column: "tier", id: "hunter2".to_owned() };
        script.fail_nth(1, error);
        let reply = all(&app, &admin, &user).swap_remove(operation).send().await;
        assert_eq!(reply.expect_problem(500, "internal-error")["retryable"], false);
        assert!(!reply.text().contains("hunter2") && !reply.text().contains("users"));
    }
}

async fn a_failed_refresh_uses_nothing_up(store: Arc<dyn Store>) {
    let (app, script, admin) = faulty_app(store).await;
    script.fail("rotate_session", StoreError::Unavailable(CAUSE.to_owned()));
    app.try_refresh(&admin.tokens.refresh).await.expect_problem(503, "unavailable");
    app.clock.advance(time::Duration::HOUR);
    let next = app.refresh(&admin.tokens.refresh).await;
    script.lose_answer("rotate_session", StoreError::Unavailable(CAUSE.to_owned()));
    app.try_refresh(&next.refresh).await.expect_problem(503, "unavailable");
    let again = app.refresh(&next.refresh).await;
    app.me(&again.access).await.expect_status(200).json();
}

/// A store that panics while `panics` is set.
struct Panicking {
    inner: Arc<dyn Store>,
    panics: AtomicBool,
}

impl Panicking {
    fn inner(&self) -> &dyn Store {
        assert!(!self.panics.load(Ordering::Acquire), "{CAUSE}");
        self.inner.as_ref()
    }
}

#[async_trait]
impl Store for Panicking {
    async fn read(&self) -> Result<Box<dyn ReadView>, StoreError> {
        self.inner().read().await
    }

    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.inner().begin().await
    }

    async fn rotate_session(&self, rotation: &Rotation) -> Result<RotationOutcome, StoreError> {
        self.inner().rotate_session(rotation).await
    }

    async fn open_session(&self, opening: &SessionStart) -> Result<SessionStartOutcome, StoreError> {
        self.inner().open_session(opening).await
    }

    async fn register_user(&self, registration: &Registration) -> Result<Inserted, StoreError> {
        self.inner().register_user(registration).await
    }

    async fn snapshot(&self) -> Result<Box<dyn UserSnapshot>, StoreError> {
        self.inner().snapshot().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner().ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

async fn a_panic_is_one_answer_and_no_more(store: Arc<dyn Store>) {
    let panicking = Arc::new(Panicking { inner: store, panics: AtomicBool::new(false) });
    let app = TestApp::over(panicking.clone());
    app.superuser().await;
    let admin = app.superuser().await;
    let count = all(&app, &admin, &admin).len();
    for operation in 0..count {
        let user = app.user_fixture().await;
        panicking.panics.store(true, Ordering::Release);
        let reply = all(&app, &admin, &user).swap_remove(operation).send().await;
        assert_eq!(reply.expect_problem(500, "internal-error")["retryable"], false);
        assert!(!reply.text().contains("hunter2"), "{reply}");
        panicking.panics.store(false, Ordering::Release);
        let reply = all(&app, &admin, &user).swap_remove(operation).send().await;
        assert!(reply.status < 300, "{reply}");
    }
    println!(
        "a panic in each of {count} operations: {count} answered with 500, and the next request with success"
    );
}
