//! Property tests of an account's sessions: random operations, compared with a small reference model.
//!
//! A [`Case`] is a list of steps. Each step moves the clock or runs operations, some of them concurrently. After each
//! step two conditions must hold:
//!
//! - Some order of the operations explains all their answers by the rules of the model.
//! - The store has the live sessions of that model, each with its one live refresh token, and the audit events of that
//!   model. Every token issued so far is valid or invalid as the model says, with the same expiry time.
//!
//! | File | Content |
//! | --- | --- |
//! | `operation` | possible operations, and how the tests generate them |
//! | `call`, `account`, `session` | the model |
//! | `order` | the orders that explain the answers |
//! | `prepare`, `job`, `look` | calls of the use cases of the service under test, and reads of its state |
//! | `world`, `known`, `tally` | the service and the model side by side |

mod account;
mod call;
mod job;
mod known;
mod look;
mod operation;
mod order;
mod prepare;
mod rules;
mod session;
mod tally;
mod world;

use std::sync::Arc;

use inwren_domain::store::Store;
use time::Duration;

pub use operation::{Action, Case, Op, Pick, Step, at_once, one_by_one};
pub use tally::Tally;

use crate::fakes::FakeClock;
use world::World;

/// Runs the case with a new account. Many cases can run in one store, one after the other, with one clock. An error
/// states what the service did and what the model expected.
pub async fn live_through(
    store: &Arc<dyn Store>,
    clock: &Arc<FakeClock>,
    case: &Case,
    tally: &mut Tally,
) -> Result<(), String> {
    // Ensures that the newest events belong to this case, even if the clock moves back in it.
    clock.advance(Duration::HOUR);
    let mut world = World::begin(store.clone(), clock.clone(), case.has_grace, tally).await?;
    for step in &case.steps {
        world.go(step, tally).await?;
    }
    Ok(())
}
