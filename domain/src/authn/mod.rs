//! Authentication: turns what a user presents into evidence, and evidence into an [`Assurance`].
//!
//! An [`Attempt`] starts with an address and collects evidence. [`Attempt::conclude`] returns either the methods that
//! are still needed ([`NeedsFactor`]) or [`Proven`], the only value from which a session starts.

mod assurance;
mod attempt;
pub mod client_trust;
mod evidence;
pub mod login;
pub mod step_up;

pub use assurance::{Acr, Amr, Assurance};
pub use attempt::{Attempt, NeedsFactor, Proven, Refusal};
pub use evidence::{Evidence, Method};
