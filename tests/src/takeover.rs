//! Runs the model of account takeover alone: the program of the package `tests/mutants`. It exits with 1 if the thief
//! breaks a rule.

#[allow(dead_code)]
mod authenticator;
#[allow(dead_code)]
mod factors_model;
#[allow(dead_code, unused_imports)]
mod fakes;
#[allow(dead_code)]
mod fixtures;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let depth = std::env::args().nth(1).and_then(|depth| depth.parse().ok()).unwrap_or(4);
    match factors_model::explore(depth).await {
        Ok(found) => {
            println!("{} states, {} moves, {} removals", found.states, found.tried, found.removals);
            println!("{}", found.diagram());
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("{broken}");
            ExitCode::FAILURE
        }
    }
}
