//! Property tests of letters, and of the links and codes in them: random operations of two people with two mailboxes each,
//! and rules that must hold after each of them.
//!
//! A [`Case`] is a list of steps. Each step moves the clock or runs operations, some of them concurrently; after it, all
//! letters are delivered to the mailboxes. Then:
//!
//! - A link or code acts at most once, and only for its own purpose.
//! - Nothing but an undo acts after the version of the credentials has moved on.
//! - No account with a verified address has a password that was chosen by the person without the mailbox, unless a
//!   session of the account was stolen.
//! - An address has at most one owner. A valid undo link reserves its address.
//! - An undo link works for 72 hours, whatever happens meanwhile, unless the undo of an earlier change has won. It
//!   restores the address and leaves neither a password nor a session.
//! - A reset or an accepted invitation ends all sessions.
//! - Links that a scanner only opens stay valid.
//!
//! | File | Content |
//! | --- | --- |
//! | `operation` | possible operations, and how the tests generate them |
//! | `job` | calls of the use cases of the service under test |
//! | `mailbox` | letters as people read them |
//! | `world` | people, their letters and sessions, and the rules |

mod job;
mod mailbox;
mod operation;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use inwren_domain::store::Store;
use time::Duration;

pub use operation::{Case, letters};

use crate::fakes::FakeClock;
use world::World;

/// How often each outcome occurred: a property says nothing about outcomes that never occur.
pub type Tally = BTreeMap<String, usize>;

/// Runs the case with new mailboxes. Many cases can run in one store, one after the other, with one clock. An error states
/// the rule that was broken.
pub async fn live_through(
    store: &Arc<dyn Store>,
    clock: &Arc<FakeClock>,
    case: &Case,
    tally: &mut Tally,
) -> Result<(), String> {
    clock.advance(Duration::HOUR);
    let mut world = World::begin(store.clone(), clock.clone(), case, tally).await?;
    for step in &case.steps {
        world.go(step, tally).await?;
    }
    Ok(())
}
