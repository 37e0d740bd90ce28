//! Random sequences of operations, run on every store. [`inwren_tests::model`] and [`inwren_tests::letters_model`]
//! define the expected behaviour.
//!
//! The cases are the same in every run. `PROPTEST_CASES` sets the number of cases, `PROPTEST_RNG_SEED` another seed.
//! The test shortens a failing case as far as possible and reports it with all calls and answers. It adds the seed to a
//! file in `tests/proptest-regressions`; commit that file with the fix: later runs try the seed first.

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

mod factors;
mod letters;
mod sessions;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use inwren_domain::store::Store;
use inwren_tests::fakes::{FakeClock, dawdling_store};
use inwren_tests::stores::TestStore;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner, contextualize_config,
};

/// Timeout of a case.
const PATIENCE: Duration = Duration::from_secs(240);

/// How often the test tries a shorter form of a failed case.
const TRIES: usize = 10;

/// Runs the cases on the store, each with `live_through`, and returns what they met.
fn hold<C: Clone + Debug + 'static, T: Default>(
    property: &BoxedStrategy<C>,
    cases: u32,
    regressions: &'static str,
    store: impl Future<Output = TestStore>,
    live_through: impl AsyncFn(&Arc<dyn Store>, &Arc<FakeClock>, &C, &mut T) -> Result<(), String>,
) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let opened = runtime.block_on(store);
    let store: Arc<dyn Store> = dawdling_store(opened.store());
    let (clock, tally) = (Arc::new(FakeClock::default()), RefCell::new(T::default()));
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
    tally.into_inner()
}

/// Checks that the cases met an outcome, unless the run has another number of cases.
fn assert_met(times: usize, what: &str) {
    assert!(times > 0 || std::env::var_os("PROPTEST_CASES").is_some(), "the cases never met {what:?}");
}
