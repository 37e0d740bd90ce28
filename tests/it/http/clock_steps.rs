//! The system clock is set forward and back while tokens are in use: none outlives its time.

use std::sync::{Arc, Mutex};

use inwren_adapters::clock::{Machine, SteadyClock};
use inwren_domain::ports::Store;
use inwren_tests::app::{LEEWAY_SECONDS, PASSWORD, TestApp};
use serde_json::json;
use time::{Duration, OffsetDateTime};

stories! {
    no_token_outlives_its_time
    whatever_the_steps_nothing_panics_and_newcomers_are_served
}

/// A machine whose system clock can be set.
#[derive(Clone)]
struct FakeMachine(Arc<Mutex<(OffsetDateTime, Duration)>>);

impl FakeMachine {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((inwren_tests::fixtures::now(), Duration::ZERO))))
    }

    /// Lets time pass.
    fn pass(&self, by: Duration) {
        let mut clocks = self.0.lock().unwrap();
        *clocks = (clocks.0 + by, clocks.1 + by);
    }

    /// Sets the system clock. No time passes.
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

/// Steps that come one after the other, and a minute between them.
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
        let account = app.somebody().await;
        let mut passed = Duration::ZERO;
        for step in steps {
            machine.set(*step);
            app.get("/health/live").send().await.expect_status(200).json();
            machine.pass(Duration::MINUTE);
            passed += Duration::MINUTE;
        }
        // Set back alone, it is as if nothing had been; set forward, it may end sooner.
        if steps.iter().all(|step| step.is_negative()) {
            app.me(&account.tokens.access).await.expect_status(200).json();
        }
        machine.pass(ACCESS + LEEWAY - passed);
        app.me(&account.tokens.access).await.expect_problem(401, "invalid-token");
        machine.pass(REFRESH - ACCESS);
        app.try_refresh(&account.tokens.refresh).await.expect_problem(401, "invalid-token");
    }
    println!("{} sequences of steps by an hour: no token was accepted after its time", STEPS.len());
}

async fn whatever_the_steps_nothing_panics_and_newcomers_are_served(store: Arc<dyn Store>) {
    let (machine, app) = app(&store);
    let mut served = 0;
    for step in
        [HOUR, -HOUR, -HOUR, HOUR, HOUR * 24, -HOUR * 48, HOUR * 25, -HOUR * 24 * 365, HOUR * 24 * 364]
    {
        let before = app.somebody().await;
        machine.set(step);
        let after = app.somebody().await;
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
    println!("{served} steps by up to a year: whoever came after each was served");
}
