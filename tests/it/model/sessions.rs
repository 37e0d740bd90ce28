//! Sessions of an account.

use inwren_tests::model::{Tally, at_once, live_through, one_by_one};
use inwren_tests::stores::TestStore;

use super::{assert_met, hold};

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

on_every_store!(operations_one_by_one: memory 500 sqlite 100 postgres 100);
on_every_store!(operations_at_once: memory 500 sqlite 100 postgres 100);

/// In any order of operations, each answer and each change is the expected one.
fn operations_one_by_one(cases: u32, store: impl Future<Output = TestStore>) {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/one_by_one.txt");
    let tally: Tally = hold(&one_by_one(), cases, regressions, store, live_through);
    println!("{tally}");
    TELLING.iter().for_each(|what| assert_met(tally.of(what), what));
}

/// The answers and changes of concurrent operations are those of some sequential order.
fn operations_at_once(cases: u32, store: impl Future<Output = TestStore>) {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/at_once.txt");
    let tally: Tally = hold(&at_once(), cases, regressions, store, live_through);
    println!("{tally}");
}
