//! The model of account takeover.

use inwren_tests::factors_model::explore;
use inwren_tests::is_long;

/// Moves that the search must have made successfully: without them it would show nothing.
const TELLING: [&str; 15] = [
    "log in by password",
    "log in on the trusted device",
    "refresh the tokens",
    "step up by password",
    "request a reset",
    "request the removal of the factors",
    "the delay is over",
    "the owner logs in",
    "the owner keeps the factors",
    "the owner changes the address",
    "confirm the owner's new address",
    "undo the owner's new address",
    "wait 16 minutes",
    "wait a day",
    "wait three days",
];

/// A thief with the password, the mailbox, a stale session, a trusted device and used codes never gets past the second
/// factor before the announced delay is over.
#[tokio::test]
async fn no_way_leads_past_the_second_factor() {
    let depth = if is_long() { 8 } else { 4 };
    let found = explore(depth).await.unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} states, {} moves, {} removals", found.states, found.tried, found.removals);
    println!("complete: {}", found.is_complete);
    for (name, count) in &found.succeeded {
        println!("{count:8} {name}");
    }
    for name in TELLING {
        assert!(found.succeeded.contains_key(name), "{name} never succeeded");
    }
    assert!(found.removals > 0, "no removal after the delay");
    // A long run may reach more.
    if !is_long() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/factors.md")).unwrap();
        let diagram = format!("```text\n{}```\n", found.diagram());
        assert!(page.contains(&diagram), "docs/factors.md should contain:\n{diagram}");
    }
}
