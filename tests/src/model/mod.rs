//! The life of an account's sessions, made up at random and held against a small reference.
//!
//! A [`Case`] is a list of steps: the clock moves, or operations are carried out, some of them at once. After each step
//! two things must hold. Some order of the operations explains all their answers, by the rules of the reference; and the
//! store then has the reference's live sessions, each with its one live refresh token, and its audit events, and every
//! token that was ever given is good for what the reference says, or for nothing.
//!
//! | File | What it has |
//! | --- | --- |
//! | `operation` | what may happen, and how it is made up |
//! | `call`, `account`, `session` | the reference |
//! | `order` | which orders explain the answers |
//! | `prepare`, `job`, `look` | the service under test, called and looked at through its use cases |
//! | `world`, `known`, `tally` | both side by side |

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

/// Lives the case through with a new account. Many cases can be lived in one store, one after the other, with one clock.
/// An error tells what the service has done, and what it should have.
pub async fn live_through(
    store: &Arc<dyn Store>,
    clock: &Arc<FakeClock>,
    case: &Case,
    tally: &mut Tally,
) -> Result<(), String> {
    // So that the newest events are those of this case, also if the clock goes back in it.
    clock.advance(Duration::HOUR);
    let mut world = World::begin(store.clone(), clock.clone(), case.has_grace, tally).await?;
    for step in &case.steps {
        world.go(step, tally).await?;
    }
    Ok(())
}
