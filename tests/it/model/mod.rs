//! Random sequences of session operations, run on every store. [`inwren_tests::model`] defines the expected behaviour.
//!
//! The cases are the same in every run. `PROPTEST_CASES` sets the number of cases, `PROPTEST_RNG_SEED` another seed.
//! The test shortens a failing case as far as possible and reports it with all calls and answers. It adds the seed to a
//! file in `tests/proptest-regressions`; commit that file with the fix: later runs try the seed first.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use inwren_tests::fakes::{FakeClock, dawdling_store};
use inwren_tests::model::{Case, Tally, at_once, live_through, one_by_one};
use inwren_tests::stores::TestStore;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner, contextualize_config,
};

/// Timeout of a case.
const PATIENCE: Duration = Duration::from_secs(240);

/// How often the test tries a shorter form of a failed case.
const TRIES: usize = 10;

/// Outcomes that the cases must meet: without them the test would show nothing.
const TELLING: [&str; 18] = [
    "Authenticate: Token",
    "Authenticate: done",
    "ChangePassword: new tokens",
    "Deactivate: done",
    "EndOne: done",
    "EndOthers: done",
    "Exchange: Ended",
    "Exchange: Inactive",
    "Exchange: Reused",
    "Exchange: Superseded",
    "Exchange: Token",
    "Exchange: given again",
    "Exchange: new tokens",
    "Introspect: Token",
    "Introspect: done",
    "LogOut: done",
    "Login: Login",
    "Revoke: done",
];

/// Makes a property a test with the given number of cases on each store.
macro_rules! on_every_store {
    ($property:ident: $($store:ident $cases:literal)+) => {
        mod $property {$(
            #[test]
            fn $store() {
                super::$property($cases, inwren_tests::stores::$store());
            }
        )+}
    };
}

on_every_store!(operations_one_by_one: memory 500 sqlite 100 postgres 100);
on_every_store!(operations_at_once: memory 500 sqlite 100 postgres 100);

/// In any order of operations, each answer and each change is the expected one.
fn operations_one_by_one(cases: u32, store: impl Future<Output = TestStore>) {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/one_by_one.txt");
    let tally = hold(&one_by_one(), cases, regressions, store);
    for what in TELLING {
        let is_met = tally.of(what) > 0 || std::env::var_os("PROPTEST_CASES").is_some();
        assert!(is_met, "the cases never met {what:?}");
    }
}

/// The answers and changes of concurrent operations are those of some sequential order.
fn operations_at_once(cases: u32, store: impl Future<Output = TestStore>) {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/at_once.txt");
    hold(&at_once(), cases, regressions, store);
}

fn hold(
    property: &BoxedStrategy<Case>,
    cases: u32,
    regressions: &'static str,
    store: impl Future<Output = TestStore>,
) -> Tally {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let opened = runtime.block_on(store);
    let store: Arc<dyn inwren_domain::store::Store> = dawdling_store(opened.store());
    let (clock, tally) = (Arc::new(FakeClock::default()), RefCell::new(Tally::default()));
    let mut runner = TestRunner::new(contextualize_config(Config {
        cases,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        ..Config::default()
    }));
    let tries = Cell::new(1);
    let outcome = runner.run(property, |case| {
        for _ in 0..tries.get() {
            let mut tally = tally.borrow_mut();
            let living = live_through(&store, &clock, &case, &mut tally);
            let lived = runtime.block_on(async { tokio::time::timeout(PATIENCE, living).await });
            if let Err(failure) = lived.unwrap_or_else(|_| Err("it hangs".to_owned())) {
                // From here on the runner tries shorter cases, each several times: a race does not fail every time.
                tries.set(TRIES);
                return Err(TestCaseError::fail(failure));
            }
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let tally = tally.into_inner();
    println!("{tally}");
    tally
}
