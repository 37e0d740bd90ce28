//! Authentication: what a user shows becomes evidence, and evidence becomes an [`Assurance`](crate::model::Assurance).
//!
//! An [`Attempt`] starts with an address and collects evidence. [`Attempt::conclude`] either says which methods are still
//! needed ([`NeedsFactor`]) or gives [`Proven`], the only value from which a session starts.

mod attempt;
mod evidence;

pub use attempt::{Attempt, NeedsFactor, Proven, Refusal};
pub use evidence::{Evidence, Method};
