//! Challenges: questions that one client may answer once.

mod issue;
mod model;
mod ports;

pub(crate) use issue::{create, find, find_named, store};
pub use model::{Challenge, ChallengeId, ChallengePurpose};
pub use ports::{ChallengeReader, ChallengeRepository};
