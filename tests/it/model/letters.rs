//! Letters, and the links and codes in them.

use inwren_tests::letters_model::{Tally, letters, live_through};
use inwren_tests::stores::TestStore;

use super::{assert_met, hold};

/// Outcomes that the cases must meet: without them the test would show nothing.
const TELLING: [&str; 17] = [
    "verify_email: done",
    "verify_email: refused",
    "reset_password: done",
    "reset_password: refused",
    "change_email: done",
    "change_email: refused",
    "undo_email: done",
    "undo_email: refused",
    "accept_invitation: done",
    "accept_invitation: refused",
    "another purpose: refused",
    "Code: done",
    "Code: refused",
    "Discard: done",
    "ChangeEmail: done",
    "ChangePassword: done",
    "Scan: valid",
];

on_every_store!(rules_of_letters: memory 200 sqlite 60 postgres 60);

/// In any order of operations, concurrent or not, the rules of letters hold.
fn rules_of_letters(cases: u32, store: impl Future<Output = TestStore>) {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/letters.txt");
    let tally: Tally = hold(&letters(), cases, regressions, store, live_through);
    tally.iter().for_each(|(what, count)| println!("{count:6} {what}"));
    TELLING.iter().for_each(|what| assert_met(tally.get(*what).copied().unwrap_or_default(), what));
}
