//! Bringing in users by the thousand: from a file that this service wrote, or from the table of another service.
//!
//! Whoever comes is an [`Incoming`]: where it stood, and what it says of a user. The [`Importer`] takes a batch of them at a
//! time, each batch in a unit of its own, and tells an [`Outcome`] for each. What it says of one depends on nothing but the
//! one and the store, so whatever was broken off can be begun again.
//!
//! A table of another service is read twice: a [`Census`] finds out what is in it, above all which addresses differ in case
//! only; then an [`Adoption`] turns rows into [`Incoming`] and withholds those.

mod adoption;
mod census;
mod destination;
mod importer;
mod incoming;
mod ports;
mod problem;
mod seen;
mod source;

pub use adoption::{Adoption, OnCaseConflict, Withheld};
pub use census::Census;
pub use destination::Destination;
pub use importer::{BATCH, Importer, OnConflict, Outcome, Policy, UnknownHash, UnknownTier};
pub use incoming::{Incoming, IncomingPassword};
pub use ports::{UserSnapshot, UserTransfer};
pub use problem::Problem;
pub use source::{ForeignTable, ForeignUser, ForeignUsers};
