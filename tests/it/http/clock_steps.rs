//! The system clock steps forward and back while tokens are in use. No token outlives its lifetime, and the service
//! neither signs nor deletes while it knows that its clock is wrong.

use std::sync::{Arc, Mutex};

use inwren_adapters::clock::{Machine, SteadyClock};
use inwren_domain::housekeeping::{sweep_audit_events, sweep_ended_sessions};
use inwren_domain::store::Store;
use inwren_tests::app::{LEEWAY_SECONDS, PASSWORD, Reply, TestApp, forge};
use inwren_tests::fixtures::unique;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::clients::service;

stories! {
    no_token_outlives_its_time
    whatever_the_steps_nothing_panics_and_newcomers_are_served
    momentary_clock_error_leaves_no_trace
    clock_ahead_of_the_system_signs_nothing
    refused_refresh_spends_no_token
    wrong_clock_deletes_nothing
}

/// A machine whose system clock the test can set.
#[derive(Clone)]
struct FakeMachine(Arc<Mutex<(OffsetDateTime, Duration)>>);

impl FakeMachine {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((inwren_tests::fixtures::now(), Duration::ZERO))))
    }

    /// Advances both clocks.
    fn pass(&self, by: Duration) {
        let mut clocks = self.0.lock().unwrap();
        *clocks = (clocks.0 + by, clocks.1 + by);
    }

    /// Steps the system clock. No time passes.
    fn set(&self, by: Duration) {
        self.0.lock().unwrap().0 += by;
    }
}

impl Machine for FakeMachine {
    fn system(&self) -> OffsetDateTime {
        self.0.lock().unwrap().0
    }

    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

fn app(store: &Arc<dyn Store>) -> (FakeMachine, TestApp) {
    let machine = FakeMachine::new();
    let clock = Arc::new(SteadyClock::of(machine.clone()));
    (machine, TestApp::timed(Arc::clone(store), clock))
}

const ACCESS: Duration = Duration::minutes(30);
const REFRESH: Duration = Duration::days(7);
const LEEWAY: Duration = Duration::seconds(LEEWAY_SECONDS);
const HOUR: Duration = Duration::HOUR;

/// Sequences of clock steps, each step followed by a pause of [`PAUSE`].
const STEPS: [&[Duration]; 5] = [
    &[Duration::hours(-1)],
    &[Duration::hours(-1), HOUR],
    &[HOUR, Duration::hours(-1)],
    &[Duration::hours(-1), Duration::hours(-1), Duration::hours(-1)],
    &[HOUR, Duration::hours(-1), HOUR, Duration::hours(-1)],
];

async fn no_token_outlives_its_time(store: Arc<dyn Store>) {
    for steps in STEPS {
        let (machine, app) = app(&store);
        let account = app.user_fixture().await;
        let mut passed = Duration::ZERO;
        for step in steps {
            machine.set(*step);
            app.get("/health").send().await;
            machine.pass(PAUSE);
            passed += PAUSE;
        }
        // After backward steps only, the token keeps its full lifetime. After a forward step it may expire earlier.
        if steps.iter().all(|step| step.is_negative()) {
            app.me(&account.tokens.access).await.expect_status(200).json();
        }
        machine.pass(ACCESS + LEEWAY - passed);
        app.me(&account.tokens.access).await.expect_problem(401, "invalid-token");
        // The service follows the system clock by now. If that clock is still behind, the refresh token lives longer by
        // the difference.
        let behind = -steps.iter().sum::<Duration>().min(Duration::ZERO);
        machine.pass(REFRESH - ACCESS + behind);
        app.try_refresh(&account.tokens.refresh).await.expect_problem(401, "invalid-token");
    }
    println!("{} sequences of steps by an hour: no token was accepted after its time", STEPS.len());
}

/// Shorter than the time until the service follows a clock that was set back.
const PAUSE: Duration = Duration::seconds(15);
/// The time until the service follows a clock that was set back.
const CALM: Duration = Duration::MINUTE;

async fn whatever_the_steps_nothing_panics_and_newcomers_are_served(store: Arc<dyn Store>) {
    let (machine, app) = app(&store);
    let (mut served, mut late) = (0, 0);
    for step in
        [HOUR, -HOUR, -HOUR, HOUR, HOUR * 24, -HOUR * 48, HOUR * 25, -HOUR * 24 * 365, HOUR * 24 * 364]
    {
        let before = app.user_fixture().await;
        machine.set(step);
        if app.get("/health").send().await.status == 503 {
            expect_unavailable(&app.try_login(&before.email, PASSWORD).await);
            machine.pass(CALM);
            late += 1;
        }
        let after = app.user_fixture().await;
        app.me(&after.tokens.access).await.expect_status(200).json();
        app.refresh(&after.tokens.refresh).await;
        let change = json!({ "current_password": PASSWORD, "new_password": "another one 123" });
        app.post("/users/me/password")
            .bearer(&after.tokens.access)
            .json(&change)
            .send()
            .await
            .expect_status(200)
            .json();
        let status = app.me(&before.tokens.access).await.status;
        assert!(matches!(status, 200 | 401), "{status}");
        machine.pass(Duration::MINUTE);
        served += 1;
    }
    assert_eq!(late, 3, "steps back to where the clock had not been before");
    println!("{served} steps by up to a year: a login after each succeeded, {late} times after a minute");
}

/// Without a signature there is no session.
#[track_caller]
fn expect_unavailable(reply: &Reply) {
    reply.expect_problem(503, "unavailable");
}

#[track_caller]
fn expect_clock(reply: &Reply, state: &str) {
    let status = if state == "ok" { 200 } else { 503 };
    assert_eq!(reply.status, status, "{reply}");
    let health = reply.json();
    assert_eq!((&health["status"], &health["checks"]["clock"]), (&json!(state), &json!(state)), "{reply}");
    assert_eq!(health["checks"]["database"], "ok");
}

/// The clock jumps ahead by 400 days and returns.
async fn momentary_clock_error_leaves_no_trace(store: Arc<dyn Store>) {
    const WRONG: Duration = Duration::days(400);
    let (machine, app) = app(&store);
    let (other_machine, other) = self::app(&store);
    let ann = app.user_fixture().await;
    machine.set(WRONG);
    // A clock that jumps to a wrong time looks like a clock that is being corrected.
    expect_clock(&app.get("/health").send().await, "ok");
    let wrong = app.login(&ann.email).await;
    let issued_at = |token: &str| forge::open(token).1["iat"].as_i64().unwrap();
    assert_eq!(issued_at(&wrong.access), machine.system().unix_timestamp());
    other.me(&wrong.access).await.expect_problem(401, "invalid-token");
    machine.pass(PAUSE);
    machine.set(-WRONG);
    expect_clock(&app.get("/health").send().await, "ok");
    app.me(&ann.tokens.access).await.expect_status(200).json();
    let tokens = app.refresh(&ann.tokens.refresh).await;
    for token in [&tokens.access, &tokens.refresh, &app.login(&ann.email).await.access] {
        assert_eq!(issued_at(token), machine.system().unix_timestamp());
    }
    // Other instances accept the tokens that this one signs now.
    other_machine.pass(PAUSE);
    other.me(&tokens.access).await.expect_status(200).json();
    // Tokens that were signed during the error are dated in the future.
    app.me(&wrong.access).await.expect_problem(401, "invalid-token");
    app.try_refresh(&wrong.refresh).await.expect_problem(401, "invalid-token");
}

/// An instance started with a wrong clock, which is then corrected.
async fn clock_ahead_of_the_system_signs_nothing(store: Arc<dyn Store>) {
    const WRONG: Duration = Duration::days(400);
    let (machine, app) = app(&store);
    let ann = app.user_fixture().await;
    let (client, secret) = service(&app, &format!("service-{}", unique())).await;
    machine.set(-WRONG);
    expect_clock(&app.get("/health").send().await, "unavailable");
    app.get("/health/live").send().await.expect_status(200).json();
    let change = json!({ "current_password": PASSWORD, "new_password": "another one 123" });
    let form = |fields: &[(&str, &str)]| app.post("/auth/access-token").form(fields);
    let signing = async || {
        let password = [("username", ann.email.as_str()), ("password", PASSWORD)];
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", ann.tokens.refresh.as_str())];
        let grant = [("grant_type", "client_credentials")];
        [
            app.try_login(&ann.email, PASSWORD).await,
            // The response must not depend on the password, or it would reveal whether the password is right.
            app.try_login(&ann.email, "a wrong password").await,
            app.try_refresh(&ann.tokens.refresh).await,
            app.try_refresh("rubbish").await,
            app.post("/users/me/password").bearer(&ann.tokens.access).json(&change).send().await,
            form(&password).send().await,
            form(&refresh).send().await,
            form(&grant).basic(&client.id.to_string(), &secret).send().await,
        ]
    };
    for reply in signing().await {
        expect_unavailable(&reply);
    }
    // Operations that sign nothing still work.
    app.me(&ann.tokens.access).await.expect_status(200).json();
    machine.pass(CALM - Duration::SECOND);
    expect_clock(&app.get("/health").send().await, "unavailable");
    machine.pass(Duration::SECOND);
    expect_clock(&app.get("/health").send().await, "ok");
    let tokens = app.login(&ann.email).await;
    app.me(&tokens.access).await.expect_status(200).json();
    let (_, claims) = forge::open(&tokens.access);
    assert_eq!(claims["iat"], machine.system().unix_timestamp());
}

async fn refused_refresh_spends_no_token(store: Arc<dyn Store>) {
    let (machine, app) = app(&store);
    let ann = app.user_fixture().await;
    machine.set(-HOUR);
    for _ in 0..3 {
        expect_unavailable(&app.try_refresh(&ann.tokens.refresh).await);
        machine.pass(PAUSE);
    }
    machine.set(HOUR);
    machine.pass(HOUR);
    let tokens = app.refresh(&ann.tokens.refresh).await;
    app.me(&tokens.access).await.expect_status(200).json();
}

async fn wrong_clock_deletes_nothing(store: Arc<dyn Store>) {
    const WRONG: Duration = Duration::days(400);
    let (machine, app) = app(&store);
    let ann = app.user_fixture().await;
    let core = &app.state.core;
    let sweep = async || (sweep_ended_sessions(core).await.unwrap(), sweep_audit_events(core).await.unwrap());
    // By the wrong clock, the session ended long ago and its event is past its retention.
    for step in [WRONG, -WRONG, WRONG, -WRONG] {
        machine.set(step);
        for _ in 0..2 {
            assert_eq!(sweep().await, (0, 0));
            machine.pass(29 * Duration::MINUTE);
        }
    }
    machine.pass(HOUR);
    assert_eq!(sweep().await, (0, 0));
    app.refresh(&ann.tokens.refresh).await;
    // A clock that keeps its new time counts as right.
    machine.set(WRONG);
    assert_eq!(sweep().await, (0, 0));
    machine.pass(HOUR);
    let (sessions, events) = sweep().await;
    assert!(sessions >= 1 && events >= 1, "{sessions} sessions, {events} events");
}
