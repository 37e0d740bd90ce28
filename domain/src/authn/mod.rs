//! Authentication: turns what a user presents into evidence, and evidence into an [`Assurance`].
//!
//! An [`Attempt`] starts with an address and collects evidence. [`Attempt::conclude`] returns either [`Proven`], the
//! only value from which a session starts, or [`NeedsFactor`], for which [`second_step`] asks the user and
//! [`factor_login`] verifies the answer. [`passkey_login`] needs no password. [`reauthenticate`] proves a running
//! session again.

mod answer;
mod assurance;
mod attempt;
pub mod client_trust;
mod evidence;
pub mod factor_login;
pub mod login;
pub mod passkey_login;
mod proven;
pub mod reauthenticate;
pub(crate) mod second_factor;
pub mod second_step;
pub mod step_up;

pub use answer::{Answer, Method};
pub use assurance::{Acr, Amr, Assurance};
pub use attempt::{Attempt, Refusal};
pub use evidence::{Evidence, KeyStorage};
pub use proven::Proven;
pub use second_step::{NeedsFactor, PasskeyRequest, SecondStep};
